import { describe, expect, test } from '@jest/globals';
import { PreconditionError } from '../../../shared/core/errors.ts';
import { recordTag, refusalTag } from '../../../actions/build-push-image/src/build-record.ts';
import { isFixed } from '../../../actions/build-push-image/src/mutability.ts';
import { movingTags, planBuild, type Plan } from '../../../actions/build-push-image/src/plan.ts';
import { built, buildx, classic, commit, hash, image, immutable, inputs, mutable, observed, tagged } from './kit.ts';

const src = `src-${hash}`;
const old = built('old', [src, 'v0']);

const short = ({ steps }: Plan): readonly string[] =>
  steps.map((step) => ('tag' in step ? `${step.kind} ${step.tag.replace(hash, 'HASH')}` : step.kind));

function refusal(plan: () => Plan): PreconditionError {
  try {
    plan();
  } catch (error) {
    if (error instanceof PreconditionError) return error;
    throw error;
  }
  throw new Error('the plan was made');
}

describe('what is to do', () => {
  test('first run: repository, build, tag', () => {
    const plan = planBuild(inputs(), observed({ repository: undefined }));
    expect(short(plan)).toEqual(['create-repository', 'build src-HASH', 'record', `tag ${commit}`]);
    expect(plan).toMatchObject({ outcome: 'built', image: undefined, keptTags: [] });
    expect(plan.steps[0]).toMatchObject({ movingTags });
  });

  test('built before, new commit: the tag alone', () => {
    const plan = planBuild(inputs(), observed({ images: tagged(old) }));
    expect(short(plan)).toEqual([`tag ${commit}`]);
    expect(plan).toMatchObject({ outcome: 'reused', image: old });
  });

  test('rerun: nothing at all', () => {
    const done = built('old', [src, commit]);
    const plan = planBuild(inputs(), observed({ images: tagged(done) }));
    expect(plan).toMatchObject({ outcome: 'reused', image: done, keptTags: [commit], steps: [] });
  });

  test('a tag that names another image moves, where it may', () => {
    const plan = planBuild(
      inputs({ tags: 'latest\nv0' }),
      observed({ images: tagged(old, image('other', ['latest'])), repository: immutable }),
    );
    expect(plan.keptTags).toEqual(['v0']);
    expect(plan.steps).toEqual([{ kind: 'tag', tag: 'latest', reason: expect.stringMatching(/^moves from sha256:/) }]);
  });

  test.each([
    ['force', { force: 'true' }, true, 'force is "true"'],
    ['skip-unchanged: false', { 'skip-unchanged': 'false' }, false, 'skip-unchanged is "false"'],
    ['too old', { 'max-age-days': '9' }, true, 'the same source was built 10 days ago; max-age-days is 9'],
  ])('%s builds anew', (...[, values, fresh, reason]) => {
    const plan = planBuild(inputs(values), observed({ images: tagged(old) }));
    expect(plan.steps[0]).toEqual({ kind: 'build', tag: src, fresh, cache: true, reason });
  });

  test('just young enough is reused, of unknown age is not', () => {
    const limit = inputs({ 'max-age-days': '10' });
    expect(planBuild(limit, observed({ images: tagged(old) })).outcome).toBe('reused');
    const ageless = { ...old, pushedAt: undefined };
    expect(planBuild(limit, observed({ images: tagged(ageless) })).outcome).toBe('built');
  });

  test('an immutable source tag: every forced build takes the next one, and the newest is reused', () => {
    const first = built('1', [src], Date.UTC(2026, 0, 1));
    const second = built('2', [`${src}-2`], Date.UTC(2026, 0, 2));
    const now = observed({ images: tagged(first, second), repository: immutable });
    expect(short(planBuild(inputs({ force: 'true' }), now))[0]).toBe('build src-HASH-3');
    expect(planBuild(inputs(), now).image).toEqual(second);
    const full = Array.from({ length: 40 }, (_, index) =>
      image(`${index}`, [index === 0 ? src : `${src}-${index + 1}`]),
    );
    const plan = planBuild(inputs({ force: 'true' }), observed({ images: tagged(...full), repository: immutable }));
    expect(short(plan)[0]).toMatch(/^build src-HASH-t\d{10}$/);
    expect(plan.warnings).toEqual([expect.stringContaining('40 builds of this source')]);
  });

  test('an image that nobody has checked: by this run, and nothing is built', () => {
    const pushed = image('1', [src]);
    const plan = planBuild(inputs(), observed({ images: tagged(pushed), repository: immutable }));
    expect(short(plan)).toEqual(['check src-HASH', 'record', `tag ${commit}`]);
    expect(plan).toMatchObject({ outcome: 'reused', image: pushed, savesMs: undefined });
    expect(plan.reason).toContain('still to be checked');
    // A wanted tag, or the record of another source or image, is no proof of a check.
    const foreign = recordTag({ hash: 'cd'.repeat(32), digest: pushed.digest }, { commit, ms: 1000 });
    const elsewhere = recordTag({ hash, digest: old.digest }, { commit, ms: 1000 });
    const tags = [src, commit, 'latest', foreign, elsewhere];
    const again = planBuild(inputs(), observed({ images: tagged(image('1', tags)), repository: immutable }));
    expect(short(again)).toEqual(['check src-HASH', 'record']);
  });

  test('what was pushed last counts, whatever number its tag bears', () => {
    const [first, third] = [built('1', [`${src}-3`], Date.UTC(2026, 0, 1)), built('2', [src], Date.UTC(2026, 0, 2))];
    expect(planBuild(inputs(), observed({ images: tagged(first, third) })).image).toEqual(third);
    expect(planBuild(inputs(), observed({ images: tagged(third, first) })).image).toEqual(third);
    const forced = planBuild(
      inputs({ force: 'true' }),
      observed({ images: tagged(first, third), repository: immutable }),
    );
    expect(short(forced)[0]).toBe('build src-HASH-2');
  });

  test('an image that ECR gives no further tag is built anew', () => {
    const full = built('full', [src, ...Array.from({ length: 998 }, (_, index) => `v${index}`)]);
    expect(planBuild(inputs({ tags: 'v1' }), observed({ images: tagged(full) })).outcome).toBe('reused');
    const plan = planBuild(inputs({ tags: 'new' }), observed({ images: tagged(full), repository: immutable }));
    expect(plan.steps[0]).toMatchObject({ kind: 'build', fresh: true, tag: `${src}-2` });
    expect(plan.reason).toContain('1000');
  });

  test('an image that could not be identified: no reuse, and no tag that a later run would find', () => {
    const { source } = observed();
    const plan = planBuild(
      inputs(),
      observed({ images: tagged(old), source: { ...source, unknown: ['private/base'] } }),
    );
    expect(short(plan)[0]).toMatch(/^build src-HASH-t\d{10}$/);
    expect(plan.reason).toContain('private/base');
  });

  test('the scan comes before any tag', () => {
    const plan = planBuild(inputs({ scan: 'high' }), observed());
    expect(short(plan)).toEqual(['build src-HASH', 'record', 'scan', `tag ${commit}`]);
    const reused = planBuild(inputs({ scan: 'report' }), observed({ images: tagged(old) }));
    expect(short(reused)).toEqual(['scan', `tag ${commit}`]);
  });
});

test('the image of this source was refused: built anew, and an older one that was not is used', () => {
  const bad = image('bad', [`${src}-2`], Date.UTC(2026, 0, 5));
  const refused = { ...bad, tags: [...bad.tags, refusalTag({ hash, digest: bad.digest })] };
  const plan = planBuild(inputs(), observed({ images: tagged(refused), repository: immutable }));
  expect([plan.outcome, plan.reason]).toEqual(['built', 'the image of this source was refused before']);
  expect(plan.steps).toContainEqual(expect.objectContaining({ kind: 'build', tag: src, fresh: true }));
  expect(planBuild(inputs(), observed({ images: tagged(refused, old) })).image).toEqual(old);
  const taken = observed({ images: tagged({ ...refused, tags: [...refused.tags, commit] }), repository: immutable });
  expect(refusal(() => planBuild(inputs(), taken)).message).toContain('asked for is a source whose image was refused');
  // Also where it was found to be good at first.
  const both = { ...refused, tags: [...refused.tags, recordTag({ hash, digest: bad.digest }, { commit, ms: 1 })] };
  expect(planBuild(inputs(), observed({ images: tagged(both) })).outcome).toBe('built');
});

test('the image of this source is in ECR’s archive: built anew, under a tag that is free', () => {
  const archivedTags = new Set([`src-${hash}`, 'latest']);
  const seen = observed({ archivedTags });
  const plan = planBuild(inputs({ tags: 'new\nlatest' }), seen);
  expect(plan.outcome).toBe('built');
  expect(plan.reason).toMatch(/archive/);
  expect(plan.steps).toContainEqual(expect.objectContaining({ kind: 'build', tag: `src-${hash}`, fresh: false }));
  const tags = plan.steps.filter((step) => step.kind === 'tag');
  expect(tags.map(({ tag, reason }) => `${tag}: ${reason}`)).toEqual([
    'latest: moves from an image in ECR’s archive',
    'new: new',
  ]);
  const fixed = planBuild(inputs({ tags: 'new' }), { ...seen, repository: immutable });
  expect(fixed.steps).toContainEqual(expect.objectContaining({ kind: 'build', tag: `src-${hash}-2` }));
});

test('a secret that a RUN mounts and nobody gives is told before it is built', () => {
  const { source } = observed();
  const mount = (id: string): string => `RUN --mount=type=secret,id=${id} true`;
  const dockerfile = ['FROM scratch', mount('given'), mount('file'), mount('lost')].join('\n');
  const given = inputs({ secrets: 'given=1', 'secret-files': 'file=x.file' });
  const { warnings } = planBuild(given, observed({ source: { ...source, dockerfile } }));
  expect(warnings).toEqual([expect.stringMatching(/^Line 4 of the Dockerfile mounts the secret "lost"/)]);
});

describe('the layer cache', () => {
  const cacheOf = (values: Readonly<Record<string, string>>, over: Parameters<typeof observed>[0] = {}) => {
    const { steps, warnings } = planBuild(inputs(values), observed(over));
    const [step] = steps;
    return [step?.kind === 'build' && step.cache, warnings.length];
  };

  test.each([
    ['auto inside the daemon', { ...buildx, driver: 'docker' }, {}, false],
    ['auto outside the daemon', buildx, {}, true],
    ['auto with containerd', { ...buildx, driver: 'docker', containerdStore: true }, {}, true],
    ['auto without buildx', classic, {}, false],
    ['none', buildx, { cache: 'none' }, false],
    ['registry', buildx, { cache: 'registry' }, true],
  ])('%s', (...[, builder, values, used]) => expect(cacheOf(values, { builder })).toEqual([used, 0]));

  test('where its tag cannot move: none, with a word; asked for, refused', () => {
    const fixed = { ...immutable, tags: { mutable: false, exclusions: ['latest'] } };
    expect(cacheOf({}, { repository: fixed })).toEqual([false, 1]);
    expect(cacheOf({}, { repository: immutable })).toEqual([true, 0]);
    expect(cacheOf({ cache: 'none' }, { repository: fixed })).toEqual([false, 0]);
    const error = refusal(() => planBuild(inputs({ cache: 'registry' }), observed({ repository: fixed })));
    expect(error.code).toBe('CacheTagFixed');
    expect(error.hint).toContain('buildcache*');
  });
});

describe('what is about to expire', () => {
  const policy = (number: number): string =>
    JSON.stringify({
      rules: [
        {
          selection: {
            tagStatus: 'tagged',
            tagPatternList: ['src-*'],
            countType: 'imageCountMoreThan',
            countNumber: number,
          },
          action: { type: 'expire' },
        },
      ],
    });
  const day = 24 * 60 * 60 * 1000;
  const start = Date.UTC(2026, 0, 1);
  const list = ['latest', '', '', '', 'other'].map((tag, index) =>
    image(`${index}`, [`src-${index}`, ...(tag === '' ? [] : [tag])], start + index * day),
  );
  const stock = (number: number) => ({ images: list, lifecyclePolicy: policy(number), last: undefined });

  test('what a moving tag names, when few more builds are left for it', () => {
    const warned = planBuild(inputs(), observed({ stock: stock(8), repository: immutable })).warnings;
    expect(warned).toEqual([
      expect.stringMatching(/^The image of "latest" \(sha256:[0-9a-f]{12}\) is number 6 of the 8 /),
    ]);
    expect(planBuild(inputs(), observed({ stock: stock(20), repository: immutable })).warnings).toEqual([]);
    // In a repository of movable tags, the names tell which are meant to move.
    expect(planBuild(inputs(), observed({ stock: stock(8), repository: mutable })).warnings).toHaveLength(1);
    const unnamed = { ...stock(8), images: list.slice(1) };
    expect(planBuild(inputs(), observed({ stock: unnamed, repository: mutable })).warnings).toEqual([]);
  });

  test('what is used again', () => {
    const used = built('used', [src], start - day);
    const again = { ...stock(6), images: [...list.slice(1), used] };
    const { outcome, warnings } = planBuild(inputs(), observed({ stock: again, images: tagged(used) }));
    expect(outcome).toBe('reused');
    expect(warnings).toEqual([expect.stringContaining('The image that is used again')]);
    expect(warnings[0]).toContain('is number 5 of the 6');
    expect(warnings[0]).toContain('after 2 more builds');
  });
});

describe('with an archive', () => {
  const given = { archive: '/tmp/image.tar' };

  test('it is loaded first and pushed where it would be built', () => {
    const plan = planBuild(inputs({ ...given, scan: 'high' }), observed({ repository: undefined, hasArchive: true }));
    expect(short(plan)).toEqual(['load', 'create-repository', 'push src-HASH', 'record', 'scan', `tag ${commit}`]);
    expect(plan.outcome).toBe('built');
  });

  test('that is missing: refused where it would be built, and not needed where the image is there', () => {
    expect(refusal(() => planBuild(inputs(given), observed())).code).toBe('ArchiveMissing');
    expect(refusal(() => planBuild(inputs(given), observed())).message).toContain('"/tmp/image.tar"');
    const reused = planBuild(inputs(given), observed({ images: tagged(old) }));
    expect(short(reused)).toEqual([`tag ${commit}`]);
    const forced = (): Plan => planBuild(inputs({ ...given, force: 'true' }), observed({ images: tagged(old) }));
    expect(refusal(forced).code).toBe('ArchiveMissing');
  });

  test('the builder here need not be able to build it', () => {
    const all = { ...given, secrets: 'a=b', platforms: 'linux/arm64', cache: 'registry' };
    expect(planBuild(inputs(all), observed({ builder: classic, hasArchive: true })).outcome).toBe('built');
  });
});

test('a tag that names another image comes first, one that is not made to move before all: only they can be refused', () => {
  const plan = planBuild(
    inputs({ tags: 'new\nlatest' }),
    observed({ images: tagged(old, image('other', ['latest'])), repository: immutable }),
  );
  expect(short(plan)).toEqual(['tag latest', 'tag new']);
  const unasked = { uri: 'host/app', tags: undefined, scanOnPush: false };
  const others = tagged(old, image('other', ['latest', 'v1']));
  const both = planBuild(inputs({ tags: 'new\nlatest\nv1' }), observed({ images: others, repository: unasked }));
  expect(short(both)).toEqual(['tag v1', 'tag latest', 'tag new']);
});

test('a base image that nobody could identify is named where an immutable tag refuses', () => {
  const { source } = observed();
  const taken = observed({
    images: tagged(image('other', [commit])),
    source: { ...source, unknown: ['private/base'] },
    repository: immutable,
  });
  expect(refusal(() => planBuild(inputs(), taken)).message).toContain('private/base');
});

test('a repository that was not asked for its rules: the registry itself refuses what it must', () => {
  const unasked = { uri: 'host/app', tags: undefined, scanOnPush: false };
  const plan = planBuild(
    inputs({ tags: 'v0' }),
    observed({ images: tagged(built('old', [src]), image('other', ['v0'])), repository: unasked }),
  );
  expect(short(plan)).toEqual(['tag v0']);
});

describe('what is refused before anything is done', () => {
  test('no repository, and none may be created', () => {
    const none = observed({ repository: undefined });
    expect(refusal(() => planBuild(inputs({ 'create-repository': 'false' }), none)).code).toBe('RepositoryMissing');
  });

  test('an immutable tag of other content, with both digests', () => {
    const other = image('other', [commit]);
    const error = refusal(() => planBuild(inputs(), observed({ images: tagged(old, other), repository: immutable })));
    expect(error.code).toBe('TagTaken');
    expect(error.message).toContain(other.digest);
    expect(error.message).toContain(old.digest);
  });

  test('an immutable tag of an image in ECR’s archive, with how to get it back', () => {
    const archivedTags = new Set([commit, `src-${hash}`]);
    const error = refusal(() => planBuild(inputs(), observed({ archivedTags, repository: immutable })));
    expect(error.code).toBe('TagTaken');
    expect(error.message).toMatch(
      /names an image in ECR’s archive; asked for is a source whose image is in ECR’s archive/,
    );
    expect(error.hint).toContain('update-image-storage-class');
  });

  test('an immutable tag while the source is still to be built', () => {
    const other = image('other', [commit]);
    const error = refusal(() => planBuild(inputs(), observed({ images: tagged(other), repository: immutable })));
    expect(error.message).toContain(other.digest);
    expect(error.message).toContain(hash);
  });

  test.each([
    ['the classic builder', classic, ['secrets', 'secret-files', 'platforms', 'cache', 'provenance', 'sbom']],
    ['buildx inside the daemon', { ...buildx, driver: 'docker' }, ['platforms', 'cache', 'provenance', 'sbom']],
    ['buildx inside a daemon with containerd', { ...buildx, driver: 'docker', containerdStore: true }, []],
    ['buildx outside the daemon', buildx, []],
  ])('what %s cannot do', (_, builder, missing) => {
    const all = inputs({
      secrets: 'a=b',
      'secret-files': 'c=d.pem',
      platforms: 'linux/amd64\nlinux/arm64',
      cache: 'registry',
      provenance: 'min',
      sbom: 'true',
    });
    const plan = (): Plan => planBuild(all, observed({ builder }));
    if (missing.length === 0) expect(plan().outcome).toBe('built');
    else {
      const lines = refusal(plan).message.split('\n').slice(1);
      expect(lines.map((line) => /^- ([a-z-]+):/.exec(line)?.[1])).toEqual(missing);
    }
  });

  test('a secret file that is sent with the context', () => {
    const { source } = observed();
    const seen = observed({ source: { ...source, exposed: ['npm=app/.npmrc in app', 'ca=app/ca.pem in app'] } });
    const error = refusal(() => planBuild(inputs({ context: 'app' }), seen));
    expect(error.code).toBe('SecretInContext');
    expect(error.message).toContain('into the image: npm=app/.npmrc in app, ca=app/ca.pem in app.');
    expect(error.hint).toContain('.dockerignore');
  });

  test('the classic builder may be asked for its own platform', () => {
    const own = inputs({ platforms: 'linux/amd64' });
    expect(planBuild(own, observed({ builder: classic })).outcome).toBe('built');
    const arm = { ...classic, platform: 'linux/arm64' };
    const written = inputs({ platforms: 'linux/arm64/v8' });
    expect(planBuild(written, observed({ builder: arm })).outcome).toBe('built');
  });
});

test.each([
  [{ mutable: true, exclusions: [] }, 'v1', false],
  [{ mutable: false, exclusions: [] }, 'v1', true],
  [{ mutable: false, exclusions: ['latest', 'branch-*'] }, 'branch-main', false],
  [{ mutable: false, exclusions: ['latest', 'branch-*'] }, 'latest-1', true],
  [{ mutable: true, exclusions: ['v*.*'] }, 'v1.2', true],
  [{ mutable: true, exclusions: ['v*.*'] }, 'v12', false],
])('%j fixes %s: %s', (mutability, tag, fixed) => expect(isFixed(mutability, tag)).toBe(fixed));
