import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildTools, type BuildTools } from '../../kit/buildkit.ts';
import { describeWith } from '../../kit/describe-with.ts';
import { dockerPrograms } from '../../kit/dockerd.ts';
import { killTree } from '../../kit/process-tree.ts';
import type { RegistryCall } from '../../kit/scripted-registry.ts';
import type { RepositorySettings } from '../../kit/scripted-registry-store.ts';
import type { BuilderKind } from './builder.ts';
import { Rig, type BuildRun, type Story } from './rig.ts';
import { green } from './stories.ts';

/**
 * The real process, killed at every request of a run, with all that it started. Whatever is left, a wanted tag names what it named
 * before or the whole new image, and running the step again finishes it.
 */
let played = 0;
afterAll(() => console.log(`build-push-image: ${played} kill points played`));

const docker = await dockerPrograms();
const tools = await buildTools();
describeWith(docker, 'killed at any request, with a docker that has no buildx', () =>
  // One tag moves, one is new.
  killed({ kind: 'docker', settings: {}, tags: 'v1\nv2' }),
);
describeWith(tools, 'killed at any request, with buildx and a BuildKit beside the daemon', (found) =>
  killed({ kind: 'buildx-remote', settings: { mutability: 'IMMUTABLE' }, tags: 'v2\nv3', found }),
);

interface KillPoint {
  readonly operation: string;
  /** Of its kind, from 0: BuildKit sends many at a time, in no order of its own. */
  readonly nth: number;
  readonly drop: 'before' | 'after';
  /** Only the step's own process is killed: what it started goes on for as long as it likes. */
  readonly alone?: boolean;
}

/** All that write, and the first of each kind that only look. */
function pointsOf(requests: readonly RegistryCall[]): readonly KillPoint[] {
  const counts = new Map<string, number>();
  const telling = requests.flatMap(({ operation }) => {
    const nth = counts.get(operation) ?? 0;
    counts.set(operation, nth + 1);
    return nth === 0 || /^(?:POST|PUT|PATCH|Put)/.test(operation) ? [{ operation, nth, drop: 'after' as const }] : [];
  });
  const write = telling.find(({ operation }) => operation.startsWith('P'));
  return [
    ...(write === undefined ? [] : [{ ...write, drop: 'before' as const }]),
    ...telling,
    ...telling.filter((_, at) => at % 4 === 2).map((point) => ({ ...point, alone: true })),
  ];
}

interface Case {
  readonly kind: BuilderKind;
  readonly settings: RepositorySettings;
  readonly tags: string;
  readonly found?: BuildTools;
}

function killed({ kind, settings, tags, found }: Case): void {
  let rig: Rig;
  const finished = new Set<string>();
  beforeAll(async () => {
    rig = await Rig.open(kind, found);
  }, 120_000);
  afterAll(() => rig?.close(), 60_000);

  test('never half a release, and a rerun finishes it', async () => {
    const story = rig.story('app', settings);
    await story.write({ Dockerfile: 'FROM scratch\nCOPY . /\n', hello: 'one' });
    const old = green(await story.build({ tags: 'v1' })).outputs['digest']!;
    const before = rig.registry.store.snapshot();
    await story.write({ hello: 'two' });
    rig.registry.forget();
    green(await story.build({ tags }));
    for (const point of pointsOf(rig.registry.log)) {
      rig.registry.store.restore(before);
      const run = await kill(story, point);
      const what = { ...point, at: run.at };
      expect({ what, exitCode: run.exitCode }).toEqual({ what, exitCode: null });
      refuseHalf(story, { what, old });
      expect({ what, left: await leftAfterPost(run) }).toEqual({ what, left: [] });
      await finish(story, { what, old, alone: point.alone === true });
      await quiet();
    }
  }, 240_000);

  /** Runs the step again, once for all that may be left. */
  async function finish(
    story: Story,
    { what, old, alone }: { what: object; old: string; alone: boolean },
  ): Promise<void> {
    const { tags: named, images, blobs } = story.repository;
    const state = JSON.stringify([[...named], [...images.keys()], [...blobs.keys()]].map((list) => [...list].sort()));
    if (!alone && finished.has(state)) return;
    finished.add(state);
    // Nothing that arrived is built again, checked or not.
    const wasPushed = [...named].some(([tag, digest]) => digest !== old && tag.startsWith('src-'));
    const { outputs } = green(await story.build({ tags }));
    // What goes on by itself may push meanwhile.
    if (!alone)
      expect({ what, outcome: outputs['outcome'] }).toEqual({ what, outcome: wasPushed ? 'reused' : 'built' });
    const wanted = tags.split('\n').map((tag) => [tag, outputs['digest']]);
    expect({ what, tags: story.tags }).toEqual({ what, tags: { v1: old, ...Object.fromEntries(wanted) } });
  }

  /** A run that is killed when it asks that. */
  async function kill(story: Story, { operation, nth, drop, alone }: KillPoint): Promise<BuildRun & { at: string }> {
    rig.registry.forget();
    let child: ChildProcess | undefined;
    let at = 'never';
    let seen = 0;
    const run = async (): Promise<void> => {
      if (child?.pid === undefined) throw new Error('no process');
      const gone = once(child, 'exit');
      if (alone === true) child.kill('SIGKILL');
      else killTree(child.pid);
      await gone;
    };
    rig.registry.fault = (call) => {
      if (call.operation !== operation || at !== 'never') return undefined;
      seen += 1;
      if (seen <= nth) return undefined;
      at = call.reference;
      return { drop, run };
    };
    const result = await story.build({ tags }, { onStart: (started) => (child = started) });
    rig.registry.forget();
    played += 1;
    return { ...result, at };
  }

  function refuseHalf(story: Story, { what, old }: { readonly what: object; readonly old: string }): void {
    for (const [tag, digest] of Object.entries(story.tags)) {
      const isWhole = digest === old ? tag === 'v1' : story.sources.has(digest);
      expect({ what, tag, digest, isWhole }).toEqual({ what, tag, digest, isWhole: true });
    }
  }

  async function leftAfterPost(run: BuildRun): Promise<readonly string[]> {
    green({ ...run, ...(await rig.post(run)) });
    return rig.left(run);
  }

  /** Until nothing asks any more. */
  async function quiet(): Promise<void> {
    for (let seen: readonly RegistryCall[] = []; ;) {
      seen = [...rig.registry.log];
      await sleep(50);
      if (rig.registry.log.length === seen.length) return;
    }
  }
}
