import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { covers, viewerPaths } from '../../shared/core/url-path.ts';
import { crawl, isHtml, needsOf, type Dangling, type Served } from '../kit/crawl.ts';
import { S3Stub, type Snapshot, type StubFault, type StubLogEntry } from '../kit/s3-stub.ts';
import { shapes, type Deploy } from './sync-frontend.shapes.ts';
import {
  bucket,
  contentOf,
  credentials,
  fingerprint,
  green,
  picture,
  recordedContents,
  served,
  servedObjects,
  sync,
  writes,
  writeSite,
} from './sync-frontend.sites.ts';
import type { ActionRun } from './spawn-action.ts';

/**
 * The real process, broken before, during and after every request of a deploy. Whatever is left then must hold every asset that any page in
 * the bucket needs; running the action again must end with the very bucket of a run that nothing disturbed.
 */
const slots = 3;
let played = 0;
const scratch: string[] = [];

afterAll(async () => {
  await Promise.all(scratch.map((directory) => rm(directory, { recursive: true, force: true })));
  console.log(`sync-frontend: ${played} kill points, failures and lost answers played`);
});

/** A request that is broken, and how. */
interface Break {
  readonly index: number;
  readonly fault: Omit<StubFault, 'run'>;
  readonly kills: boolean;
  readonly concurrency?: string;
}

interface RunOptions {
  readonly id?: string;
  readonly concurrency?: string;
  readonly onStart?: (child: ChildProcess) => void;
}

interface Case {
  readonly stub: S3Stub;
  readonly source: string | undefined;
}

describe.each(shapes)('$name', (shape) => {
  const { prefix = '', history, deploy } = shape;
  const stubs: S3Stub[] = [];
  let source: string | undefined;
  let sourceBefore: string | undefined;
  /** The bucket that the deploy starts from, and what it leaves when nothing disturbs it. */
  let before: Snapshot;
  let beforeServed: Served;
  let whole: Readonly<Record<string, string>>;
  let entries: readonly string[];
  let mutable: readonly string[];
  let publicationBefore: string | undefined;
  let requests: readonly StubLogEntry[];
  let after: Readonly<Record<string, string>>;
  let older: ReadonlySet<string>;
  /** By the fingerprint of a bucket: what a run that starts from it does has been seen. */
  const finished = new Map<string, Promise<void>>();
  const reverted = new Map<string, Promise<void>>();
  const rolledBack = new Map<string, Promise<void>>();

  beforeAll(async () => {
    for (let slot = 0; slot < slots; slot += 1) {
      stubs.push(await S3Stub.start({ buckets: [bucket], credentials, opaqueEtags: shape.opaqueEtags === true }));
    }
    const [stub] = stubs;
    if (stub === undefined) throw new Error('no stub');
    for (const [index, earlier] of history.entries()) {
      sourceBefore = await sourceOf(earlier);
      const { outputs } = green(await run({ stub, source: sourceBefore }, earlier, { id: `r${index}` }));
      publicationBefore = outputs['publication'];
    }
    if (shape.adopted === true) {
      publicationBefore = undefined;
      for (const key of stub.objects(bucket).keys()) if (key.includes('.releases/')) stub.remove(bucket, key);
    }
    before = stub.snapshot();
    beforeServed = served(stub, prefix);
    const objectsBefore = servedObjects(stub, prefix);
    whole = picture(objectsBefore);
    source = await sourceOf(deploy);

    stub.forget();
    const instants: Dangling[] = [];
    stub.fault = () => ({ at: 'after', run: () => void instants.push(...crawl(served(stub, prefix))) });
    green(await run({ stub, source }, deploy));
    stub.fault = () => undefined;
    requests = [...stub.log];
    expect(instants).toEqual([]);
    after = picture(servedObjects(stub, prefix));
    const afterServed = served(stub, prefix);
    expect([crawl(beforeServed), crawl(afterServed)]).toEqual([[], []]);
    // Whoever is on a page that is there before and after can follow its links at any time.
    entries = [...beforeServed]
      .filter(([path, file]) => isHtml(path, file) && afterServed.has(path))
      .map(([path]) => path);
    older = openTabs(beforeServed, afterServed);
    const objectsAfter = servedObjects(stub, prefix);
    mutable = [...objectsBefore]
      .filter(([path, object]) => {
        const now = objectsAfter.get(path);
        const changed = now === undefined || contentOf(now) !== contentOf(object);
        return changed && object.headers['cache-control']?.includes('immutable') !== true;
      })
      .map(([path]) => path);
  }, 120_000);
  afterAll(() => {
    for (const stub of stubs) stub.stop();
  });

  async function sourceOf({ site }: Deploy): Promise<string | undefined> {
    if (site === undefined) return undefined;
    const directory = await writeSite(site);
    scratch.push(directory);
    return directory;
  }

  function run(
    { stub, source: directory }: Case,
    { inputs = {} }: Deploy,
    { id = 'new', concurrency = '1', onStart }: RunOptions = {},
  ): Promise<ActionRun> {
    const own = directory === undefined ? {} : { source: directory, 'release-id': id };
    return sync(stub, { inputs: { ...own, concurrency, ...inputs }, ...(onStart && { onStart }) });
  }

  /** Starts from the bucket as it was, breaks one request, and says what the process made of it. */
  async function broken(stub: S3Stub, { index, fault, kills, concurrency = '1' }: Break): Promise<ActionRun> {
    stub.restore(before);
    stub.forget();
    let child: ChildProcess | undefined;
    const kill = async (): Promise<void> => {
      if (child === undefined) throw new Error('no process');
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    };
    // A client whose body was cut off by the answer asks again, and is refused again.
    let name: string | undefined;
    stub.fault = (call) => {
      if (call.index === index) name = nameOf(call);
      const isHit = kills ? call.index === index : nameOf(call) === name;
      return isHit ? { ...fault, ...(kills && { run: kill }) } : undefined;
    };
    const result = await run({ stub, source }, deploy, { concurrency, onStart: (started) => (child = started) });
    await stub.idle();
    stub.fault = () => undefined;
    played += 1;
    return result;
  }

  function refuseDangling(stub: S3Stub, what: string): void {
    const now = served(stub, prefix);
    expect({ what, dangling: crawl(now, entries) }).toEqual({ what, dangling: [] });
    expect({ what, lost: [...older].filter((path) => !now.has(path)) }).toEqual({ what, lost: [] });
  }

  /** Runs the action again, once for every bucket that is left. */
  function finish(stub: S3Stub, what: string): Promise<void> {
    const mark = fingerprint(stub.snapshot());
    const known = finished.get(mark);
    if (known !== undefined) return known;
    const work = (async () => {
      const again = await run({ stub, source }, deploy);
      expect({ what, output: again.exitCode === 0 ? '' : again.output }).toEqual({ what, output: '' });
      expect({ what, served: picture(servedObjects(stub, prefix)) }).toEqual({ what, served: after });
      const told = JSON.parse(again.outputs['changed-paths'] ?? '[]') as readonly string[];
      const untold = mutable
        .flatMap((path) => viewerPaths('/', path))
        .filter((path) => !told.some((one) => covers(one, path)));
      expect({ what, untold }).toEqual({ what, untold: [] });
      expect(again.outputs['publication']).not.toBe(publicationBefore);
      refuseLostContents(stub, what);
    })();
    finished.set(mark, work);
    return work;
  }

  /** Instead of running it again, somebody publishes the site of before: it must come back whole, headers and caches included. */
  function revert(stub: S3Stub, { left, what }: { readonly left: Snapshot; readonly what: string }): Promise<void> {
    const mark = fingerprint(left);
    const known = reverted.get(mark);
    if (known !== undefined) return known;
    const work = (async () => {
      stub.restore(left);
      const wanted = picture(
        new Map([...(before.get(bucket)?.objects ?? [])].filter(([key]) => !key.includes('.releases/'))),
      );
      const strays = Object.entries(picture(servedObjects(stub)))
        .filter(([path, one]) => wanted[path] !== undefined && wanted[path].slice(0, 16) !== one.slice(0, 16))
        .map(([path]) => `/${path}`);
      const again = green(await run({ stub, source: sourceBefore }, history.at(-1)!, { id: 'back' }));
      expect({ what, served: picture(servedObjects(stub)) }).toMatchObject({ what, served: wanted });
      const told = JSON.parse(again.outputs['changed-paths'] ?? '[]') as readonly string[];
      const untold = strays.filter((path) => !told.some((one) => covers(one, path)));
      expect({ what, untold }).toEqual({ what, untold: [] });
    })();
    reverted.set(mark, work);
    return work;
  }

  /** Instead of running it again, somebody rolls back: the release before comes back byte for byte, with its headers. */
  function rollBack(stub: S3Stub, { left, what }: { readonly left: Snapshot; readonly what: string }): Promise<void> {
    const mark = fingerprint(left);
    const known = rolledBack.get(mark);
    if (known !== undefined) return known;
    const work = (async () => {
      stub.restore(left);
      const { prefix: folder = '', 'base-path': basePath = '' } = history.at(-1)?.inputs ?? {};
      const to = { 'rollback-to': `r${history.length - 1}`, 'max-delete-percent': '100' };
      const inputs = { ...to, prefix: folder, 'base-path': basePath };
      green(await sync(stub, { inputs }));
      expect({ what, served: picture(servedObjects(stub, prefix)) }).toMatchObject({ what, served: whole });
    })();
    rolledBack.set(mark, work);
    return work;
  }

  /** What a rollback needs of the release before is still somewhere in the bucket. */
  function refuseLostContents(stub: S3Stub, what: string): void {
    const kept = new Set([...[...stub.objects(bucket).values()].map(contentOf), ...recordedContents(stub, prefix)]);
    const wanted = new Map(
      [...(before.get(bucket)?.objects ?? [])].filter(([key]) => key.startsWith(prefix) && !key.includes('.releases/')),
    );
    const lost = [...wanted].filter(
      ([key, object]) => older.has(key.slice(prefix.length)) && !kept.has(contentOf(object)),
    );
    expect({ what, lost: lost.map(([key]) => key) }).toEqual({ what, lost: [] });
  }

  async function all(
    breaks: readonly Break[],
    judge: (one: Break, result: ActionRun, stub: S3Stub) => Promise<void>,
  ): Promise<void> {
    const left = [...breaks];
    const work = stubs.map(async (stub) => {
      try {
        for (let one = left.shift(); one !== undefined; one = left.shift())
          await judge(one, await broken(stub, one), stub);
      } finally {
        // One failure is enough, and no process may go on beside the next test.
        left.length = 0;
      }
    });
    await Promise.allSettled(work);
    await Promise.all(work);
  }

  const named = ({ index, fault }: Break): string => {
    const { operation = '', key = '' } = requests[index] ?? {};
    return `${JSON.stringify(fault)} ${index} ${operation} ${key}`;
  };
  const everyRequest = (fault: Break['fault'], kills: boolean): readonly Break[] =>
    requests.map(({ index }) => ({ index, fault, kills }));

  test('killed at any request it leaves a whole site, and a rerun finishes', async () => {
    const points = (['before', 'during', 'after'] as const).flatMap((at) => everyRequest({ at, end: 'drop' }, true));
    // Many at a time end in an order of their own; those under way may be carried out after the end of the process.
    const many = everyRequest({ at: 'after', end: 'drop' }, true)
      .filter(({ index }) => index % 4 === 2)
      .map((one) => ({ ...one, concurrency: '48' }));
    await all([...points, ...many], async (one, result, stub) => {
      expect([named(one), result.exitCode]).toEqual([named(one), null]);
      refuseDangling(stub, named(one));
      const left = stub.snapshot();
      await finish(stub, named(one));
      if (shape.reverts === true) await revert(stub, { left, what: named(one) });
      if (shape.rollsBack === true) await rollBack(stub, { left, what: named(one) });
    });
  }, 240_000);

  test('a request that is refused for good: red, nothing later is sent, and a rerun finishes', async () => {
    const end = { status: 403, code: 'AccessDenied' };
    await all(everyRequest({ at: 'before', end }, false), async (one, result, stub) => {
      expect([named(one), result.exitCode]).toEqual([named(one), 1]);
      expect(result.output).toContain('AccessDenied');
      const later = writes(stub.log).filter(
        ({ index, operation, status }) =>
          index > one.index && status < 400 && !/^(?:AbortMultipartUpload|UploadPart)$/.test(operation),
      );
      expect([named(one), later]).toEqual([named(one), []]);
      refuseDangling(stub, named(one));
      await finish(stub, named(one));
    });
  }, 240_000);

  test('every request failing once, or losing its answer once, does no harm', async () => {
    const faults: readonly Break['fault'][] = [
      { at: 'before', end: { status: 503, code: 'SlowDown' } },
      { at: 'during', end: 'drop' },
      { at: 'after', end: 'drop' },
    ];
    const results = faults.map(async (fault, slot) => {
      const stub = stubs[slot]!;
      stub.restore(before);
      stub.forget();
      const times = new Map<string, number>();
      stub.fault = (call) => {
        const time = (times.get(nameOf(call)) ?? 0) + 1;
        times.set(nameOf(call), time);
        // Each one is asked again after its fault; the state is written more than once.
        played += time % 2;
        return time % 2 === 1 ? fault : undefined;
      };
      const { exitCode, output } = await run({ stub, source }, deploy);
      stub.fault = () => undefined;
      const what = JSON.stringify(fault);
      expect({ what, output: exitCode === 0 ? '' : output }).toEqual({ what, output: '' });
      expect({ what, served: picture(servedObjects(stub, prefix)) }).toEqual({ what, served: after });
      expect([...new Set(requests.map(nameOf))].filter((name) => (times.get(name) ?? 0) < 2)).toEqual([]);
    });
    await Promise.allSettled(results);
    await Promise.all(results);
  }, 240_000);
});

/** The same for the same request again; an upload in parts has another id each time. */
function nameOf({ operation, key, query }: StubLogEntry): string {
  return `${operation} ${key} ${query.replace(/uploadId=[^&]*/, '')}`;
}

/** The files that a tab which was opened before still may ask for, as far as the deploy leaves them. */
function openTabs(before: Served, after: Served): ReadonlySet<string> {
  const pages = [...before].filter(([path, file]) => isHtml(path, file)).map(([path]) => path);
  const needs = pages.flatMap((page) => [...needsOf(before, page)].filter((path) => !pages.includes(path)));
  const lost = needs.filter((path) => !after.has(path));
  if (lost.length > 0) throw new Error(`the deploy takes ${lost.join(', ')} from tabs that are open`);
  return new Set([...needs, ...pages.filter((page) => after.has(page))]);
}
