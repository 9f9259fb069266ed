import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { BuildTools } from '../../kit/buildkit.ts';
import type { BuilderKind } from './builder.ts';
import { ecrCalls, Rig, type BuildRun, type Story } from './rig.ts';

const dockerfile = 'FROM scratch\nCOPY . /\n';
const digest = /^sha256:[0-9a-f]{64}$/;

/** What builds or pushes; looking at the builder is neither. */
export const working = ({ commands }: BuildRun): readonly string[] =>
  commands
    .map((words) =>
      words
        .filter((word) => !word.startsWith('-'))
        .slice(0, 2)
        .join(' '),
    )
    .filter((words) => /build$|^build |^push|^login|^pull|^load/.test(words));

export const green = (run: BuildRun): BuildRun => {
  expect(run.exitCode === 0 ? '' : run.output).toBe('');
  return run;
};

/** A label that counts as no part of the source makes two images of it. */
const atOnce = async (story: Story, revisions: readonly string[]): Promise<readonly BuildRun[]> => {
  const builds = revisions.map((revision) =>
    story.build({ tags: 'v1', labels: `org.opencontainers.image.revision=${revision}` }),
  );
  return (await Promise.all(builds)).map(green);
};

/** What holds whatever builds. */
export function stories(kind: BuilderKind, tools?: BuildTools): void {
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.open(kind, tools);
  }, 120_000);
  afterAll(() => rig?.close(), 60_000);
  afterEach(() => rig.registry.forget());

  test('a first build is pushed whole and then named; what is handed on is the registry’s own word', async () => {
    const story = rig.story('first', {});
    await story.write({ Dockerfile: dockerfile, hello: 'one' });
    const run = green(await story.build({ tags: 'v1\nlatest' }));
    const named = story.repository.tags.get('v1');
    expect(named).toMatch(digest);
    expect(story.tags).toEqual({ v1: named, latest: named });
    expect(story.sources).toEqual(new Set([named]));
    expect(run.outputs).toMatchObject({
      image: `${rig.registry.host}/first@${named}`,
      digest: named,
      tags: 'v1\nlatest',
      outcome: 'built',
      changed: 'true',
    });
    expect(run.summary).toContain(named);
    // docker pushes what nobody asks for by name yet.
    const puts = rig.registry.log.filter(({ operation }) => /^PUT manifest|^PutImage/.test(operation));
    const wanted = puts.findIndex(({ reference }) => ['v1', 'latest'].includes(reference));
    expect(puts.slice(wanted).every(({ protocol }) => protocol === 'ecr')).toBe(true);
    expect(puts.slice(0, wanted).some(({ reference }) => reference.startsWith('src-'))).toBe(true);
    // Whoever deploys it gets these files.
    expect(await rig.fileIn(run.outputs['image']!, '/hello')).toBe('one');
  });

  test('the same source at another commit: nothing is built, nothing moves, four calls at most', async () => {
    const story = rig.story('again', {});
    await story.write({ Dockerfile: dockerfile, hello: 'one', 'deep/file': 'two' });
    const first = green(await story.build());
    rig.registry.forget();
    await story.write({ hello: 'one' });
    const commit = 'b'.repeat(40);
    const again = green(await story.build({ tags: commit }, { commit }));
    expect(again.outputs).toMatchObject({
      outcome: 'reused',
      changed: 'true',
      digest: first.outputs['digest'],
      'source-hash': first.outputs['source-hash'],
      tags: commit,
    });
    expect(working(again)).toEqual([]);
    expect(rig.registry.log.filter(({ protocol }) => protocol !== 'ecr')).toEqual([]);
    expect(rig.registry.traffic()).toEqual({ in: 0, out: 0 });
    expect(ecrCalls(rig.registry.log).length).toBeLessThanOrEqual(4);
    expect(story.tags[commit]).toBe(first.outputs['digest']);

    rig.registry.forget();
    const third = green(await story.build({ tags: commit }, { commit }));
    expect(third.outputs).toMatchObject({ outcome: 'reused', changed: 'false', digest: first.outputs['digest'] });
    expect(ecrCalls(rig.registry.log)).not.toContain('PutImage');
    await story.write({ hello: 'two' });
    const changed = green(await story.build({ tags: 'v2' }));
    expect(changed.outputs['outcome']).toBe('built');
    expect(changed.outputs['digest']).not.toBe(first.outputs['digest']);
  });

  test('an immutable tag: the same content is green, other content red before anything is built', async () => {
    const story = rig.story('fixed', { mutability: 'IMMUTABLE' });
    await story.write({ Dockerfile: dockerfile, hello: 'one' });
    const one = green(await story.build({ tags: 'v1' })).outputs['digest']!;
    expect(green(await story.build({ tags: 'v1' })).outputs).toMatchObject({ outcome: 'reused', changed: 'false' });
    await story.write({ hello: 'two' });
    rig.registry.forget();
    const unbuilt = await story.build({ tags: 'v1\nv2' });
    expect(unbuilt.exitCode).toBe(1);
    expect(unbuilt.output).toContain(one);
    expect(working(unbuilt)).toEqual([]);
    expect(ecrCalls(rig.registry.log)).not.toContain('PutImage');
    const two = green(await story.build({ tags: 'v2' })).outputs['digest']!;
    const built = await story.build({ tags: 'v1' });
    expect(built.exitCode).toBe(1);
    expect(built.output).toMatch(/immutable/);
    for (const named of [one, two]) expect(built.output).toContain(named);
    expect(working(built)).toEqual([]);
    expect(built.outputs).toMatchObject({ changed: 'false' });
    expect(story.tags).toEqual({ v1: one, v2: two });
  });

  test.each([
    // Where tags can be moved, no run could know of the other's.
    ['immutable', { mutability: 'IMMUTABLE_WITH_EXCLUSION', exclusions: ['buildcache*'] }, ['one', 'two'], true],
    // A docker without BuildKit makes two images of one source when neither build finds the other's cache.
    ['mutable', {}, ['same', 'same'], kind !== 'docker'],
  ] as const)(
    'two runs at once in a repository with %s tags: both green, with an image that is there',
    async (...[name, settings, revisions, isOne]) => {
      const story = rig.story(`race-${name}`, settings);
      await story.write({ Dockerfile: dockerfile, hello: 'race' });
      // Neither has pushed when both look.
      let looks = 0;
      const both = Promise.withResolvers<undefined>();
      rig.registry.fault = ({ operation }) => {
        if (operation !== 'BatchGetImage' || looks >= 2) return undefined;
        looks += 1;
        if (looks === 2) both.resolve(undefined);
        return { run: () => both.promise };
      };
      const runs = await atOnce(story, revisions);
      const digests = new Set(runs.map(({ outputs }) => outputs['digest']));
      if (isOne) expect([...digests]).toHaveLength(1);
      expect(story.sources.size).toBe(1);
      for (const named of [...story.sources, story.tags['v1']]) expect([...digests]).toContain(named);
      for (const { outputs } of runs) expect(await rig.fileIn(outputs['image']!, '/hello')).toBe('race');
      expect(runs.every(({ left }) => left.length === 0)).toBe(true);
    },
  );

  test('two runs at once, and the second builds while the first is pushing: both green, one digest', async () => {
    const story = rig.story('race-name', { mutability: 'IMMUTABLE_WITH_EXCLUSION', exclusions: ['buildcache*'] });
    await story.write({ Dockerfile: dockerfile, hello: 'race' });
    // The second to look goes on when the first has pushed, whose push ends when the second has pushed too.
    let [looks, pushes] = [0, 0];
    const looked = Promise.withResolvers<undefined>();
    const pushed = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()] as const;
    rig.registry.fault = ({ operation, reference }) => {
      if (operation === 'BatchGetImage' && looks < 2) {
        looks += 1;
        if (looks === 1) return { run: () => looked.promise };
        looked.resolve(undefined);
        return { run: () => pushed[0].promise };
      }
      if (operation !== 'PUT manifest' || !reference.startsWith('src-') || pushes >= 2) return undefined;
      pushed[pushes]!.resolve(undefined);
      pushes += 1;
      return { run: () => pushed[1].promise };
    };
    const runs = await atOnce(story, ['one', 'two']);
    expect(pushes).toBe(2);
    expect(new Set(runs.map(({ outputs }) => outputs['digest']))).toEqual(story.sources);
    expect(story.sources).toEqual(new Set([story.tags['v1']]));
  });

  test('a run that looks while another has pushed and is not through: both green, one digest, built once', async () => {
    const story = rig.story('overtaken', { mutability: 'IMMUTABLE_WITH_EXCLUSION', exclusions: ['buildcache*'] });
    await story.write({ Dockerfile: dockerfile, hello: 'overtaken' });
    let second: BuildRun | undefined;
    let isFirst = true;
    rig.registry.fault = ({ operation }) => {
      if (operation !== 'PutImage' || !isFirst) return undefined;
      isFirst = false;
      return { run: async () => void (second = await story.build({ tags: 'v1' })) };
    };
    const first = green(await story.build({ tags: 'v1' }));
    const other = green(second ?? first);
    expect(other.outputs).toMatchObject({ outcome: 'reused', digest: first.outputs['digest'] });
    expect(first.outputs['outcome']).toBe('built');
    expect([...story.sources]).toEqual([first.outputs['digest']]);
    expect([first.left, other.left]).toEqual([[], []]);
  });

  test('a missing repository is made, with tags that stay; or it is red before anything is built', async () => {
    const story = rig.story('team/missing');
    await story.write({ Dockerfile: dockerfile, hello: 'one' });
    const refused = await story.build({ 'create-repository': 'false' });
    expect(refused.exitCode).toBe(1);
    expect(refused.output).toMatch(/no ECR repository "team\/missing"/);
    expect(working(refused)).toEqual([]);
    green(await story.build());
    const { settings } = story.repository;
    expect(settings).toMatchObject({ mutability: 'IMMUTABLE_WITH_EXCLUSION', scanOnPush: true });
    expect(settings.exclusions).toContain('latest');
  });

  test('an image in ECR’s archive is none: it is built anew, and a tag that it keeps is red before', async () => {
    const story = rig.story('archived', {
      mutability: 'IMMUTABLE_WITH_EXCLUSION',
      exclusions: ['buildcache*', 'latest'],
    });
    await story.write({ Dockerfile: dockerfile, hello: 'one' });
    const first = green(await story.build({ tags: 'v1\nlatest' })).outputs['digest']!;
    for (const archived of story.repository.images.keys()) story.repository.archived.add(archived);
    const refused = await story.build({ tags: 'v1' });
    expect(refused.exitCode).toBe(1);
    expect(refused.output).toMatch(/"v1" is immutable and names an image in ECR’s archive/);
    expect(working(refused)).toEqual([]);
    const again = green(await story.build({ tags: 'v2\nlatest' }));
    expect(again.outputs).toMatchObject({ outcome: 'built', changed: 'true' });
    const digest = again.outputs['digest']!;
    expect(story.tags).toEqual({ v1: first, v2: digest, latest: digest });
    expect(story.repository.archived.has(digest)).toBe(false);
    expect(green(await story.build({ tags: 'v2' })).outputs).toMatchObject({ outcome: 'reused', digest });
  });

  test('a build that fails is red, names nothing and leaves nothing behind', async () => {
    const story = rig.story('failing', {});
    await story.write({ Dockerfile: 'FROM scratch\nCOPY missing /\n' });
    const run = await story.build();
    expect(run.exitCode).toBe(1);
    expect(run.output).toMatch(/::error.*COPY missing/);
    expect([run.outputs['digest'] ?? '', story.tags, run.left]).toEqual(['', {}, []]);
  });
}
