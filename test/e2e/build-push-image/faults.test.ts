import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { BuildTools } from '../../kit/buildkit.ts';
import type { RegistryFault } from '../../kit/scripted-registry.ts';
import type { BuilderKind } from './builder.ts';
import { describeEveryBuilder } from './every-builder.ts';
import { Rig, type BuildRun, type Story } from './rig.ts';
import { green } from './stories.ts';

const lost: RegistryFault = { drop: 'after' };
const down: RegistryFault = { error: 'UNAVAILABLE', status: 503, message: 'Service Unavailable' };

await describeEveryBuilder('a registry that falters', faults);

function faults(kind: BuilderKind, found?: BuildTools): void {
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.open(kind, found);
  }, 120_000);
  afterAll(() => rig?.close(), 60_000);
  afterEach(() => rig.registry.forget());

  /** Green, with the whole image under its tag, and built once. */
  async function holds(story: Story, inputs: Readonly<Record<string, string>> = {}): Promise<BuildRun> {
    await story.write({ Dockerfile: 'FROM scratch\nCOPY . /\n', hello: `${kind} ${story.name}` });
    const run = green(await story.build(inputs));
    const { outputs, left } = run;
    expect({ digest: outputs['digest'], left }).toEqual({ digest: story.tags['v1'], left: [] });
    expect(outputs['changed']).toBe('true');
    expect([...story.sources]).toEqual([story.tags['v1']]);
    return run;
  }

  test.each([
    ['mutable', {}],
    ['immutable', { mutability: 'IMMUTABLE' }],
  ] as const)('the answer to the push of the manifest lost, tags %s', async (name, settings) => {
    rig.registry.breakNext(/^PUT manifest src-/, lost);
    const { outputs } = await holds(rig.story(`manifest-lost-${name}`, settings));
    // BuildKit itself pushes again; what an immutable tag says to that could be said of another run's image as well.
    if (kind !== 'buildx-remote') expect(outputs['outcome']).toBe('built');
  });

  test('the push of the manifest refused once', async () => {
    rig.registry.breakNext(/^PUT manifest src-/, down);
    await holds(rig.story('manifest-down', {}));
  });

  test.each([
    ['with the first layer', 'POST upload'],
    ['with the manifest', 'PUT manifest'],
  ])('a token that expires %s: one new login, and nothing is built twice', async (name, at) => {
    rig.registry.expires = ({ call }) => call.operation === at && tokens() === 1;
    const tokens = (): number => rig.registry.counts()['GetAuthorizationToken'] ?? 0;
    const story = rig.story(`expires-${name.replaceAll(' ', '-')}`, {});
    const { commands } = await holds(story);
    expect(tokens()).toBe(2);
    // BuildKit builds and pushes by one command, and has what it built.
    const builds = commands.filter((words) => words.includes('build'));
    expect(builds).toHaveLength(kind === 'docker' ? 1 : 2);
  });

  test('a token that is never good is red, and says so', async () => {
    rig.registry.expires = ({ call }) => call.operation === 'POST upload';
    const story = rig.story('never', {});
    await story.write({ Dockerfile: 'FROM scratch\nCOPY . /\n', hello: `${kind} never` });
    const run = await story.build();
    expect([run.exitCode, story.tags, run.left]).toEqual([1, {}, []]);
    expect(run.output).toMatch(/::error.*authorization token has expired/);
    expect(rig.registry.counts()['GetAuthorizationToken']).toBe(2);
  });

  // The daemon pushes for both, and the action asks ECR and logs in in the same way whatever builds.
  if (kind !== 'buildx-docker') {
    test('a layer whose upload loses its answer', async () => {
      rig.registry.breakNext(/^PUT upload/, lost);
      // Of the image: what a cache loses costs nothing anyway.
      await holds(rig.story('layer-lost', {}), { cache: 'none' });
    });
  }
  if (kind === 'docker') {
    test('every answer of ECR lost once, or refused once', async () => {
      for (const [name, fault] of Object.entries({ lost, down })) {
        const story = rig.story(`ecr-${name}`);
        const seen = new Set<string>();
        rig.registry.fault = ({ protocol, operation, reference }) => {
          const key = `${operation} ${reference}`;
          if (protocol !== 'ecr' || seen.has(key)) return undefined;
          seen.add(key);
          return fault;
        };
        await holds(story);
        for (const operation of ['CreateRepository', 'BatchGetImage', 'GetAuthorizationToken', 'PutImage v1']) {
          expect([...seen].some((key) => key.startsWith(operation))).toBe(true);
        }
      }
    });

    test.each([
      ['lost', lost],
      ['refused', down],
    ])('the login %s once', async (name, fault) => {
      rig.registry.breakNext(/^GET ping/, fault);
      await holds(rig.story(`login-${name}`, {}));
    });

    test('a tag alone, whose answer is lost: what was changed is told', async () => {
      const story = rig.story('tag-lost', { mutability: 'IMMUTABLE' });
      await holds(story);
      rig.registry.forget();
      rig.registry.breakNext(/^PutImage v2/, lost);
      const { outputs } = green(await story.build({ tags: 'v2' }));
      expect(outputs).toMatchObject({ outcome: 'reused', changed: 'true', tags: 'v2', digest: story.tags['v2'] });
    });
  }
}
