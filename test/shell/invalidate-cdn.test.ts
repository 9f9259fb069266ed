import { describe, expect, test } from '@jest/globals';
import { apply, type ApplyPorts } from '../../actions/invalidate-cdn/src/apply.ts';
import type { Inputs } from '../../actions/invalidate-cdn/src/inputs.ts';
import { observe } from '../../actions/invalidate-cdn/src/observe.ts';
import { planInvalidation } from '../../actions/invalidate-cdn/src/plan.ts';
import { reportInvalidation } from '../../actions/invalidate-cdn/src/report.ts';
import type { Cdn, Distribution, Invalidation, InvalidationRequest } from '../../shared/aws/cloudfront.ts';
import type { Clock } from '../../shared/core/clock.ts';
import { AwsError } from '../../shared/core/errors.ts';
import { isInvalidated, type SiteState } from '../../shared/core/release.ts';
import { FakeBucket, silentProgress } from './sync-frontend.fakes.ts';

/** CloudFront in memory: a known reference gets its first invalidation, and completes after some polls. */
class FakeCdn implements Cdn {
  readonly log: string[] = [];
  readonly made = new Map<string, { readonly request: InvalidationRequest; readonly invalidation: Invalidation }>();
  readonly clock: Clock;
  pollsToComplete = 2;
  fail: (call: string) => void = () => undefined;
  known: readonly Distribution[] = [
    { id: 'E1', domainName: 'd1.cloudfront.net', aliases: ['www.example.com', 'example.com'] },
    { id: 'E2', domainName: 'd2.cloudfront.net', aliases: [] },
  ];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async distributions(): Promise<readonly Distribution[]> {
    this.#call('list');
    return this.known;
  }

  async invalidate(request: InvalidationRequest): Promise<Invalidation> {
    const { callerReference, distributionId, paths } = request;
    const known = this.made.get(callerReference);
    if (known !== undefined) {
      this.#call(`again ${known.invalidation.id}`);
      return known.invalidation;
    }
    const invalidation = { id: `I${this.made.size + 1}`, status: 'InProgress', createdAt: this.clock.now() };
    this.made.set(callerReference, { request, invalidation });
    this.#call(`create ${distributionId} ${paths.join(' ')}`);
    return invalidation;
  }

  async invalidation(_distributionId: string, id: string): Promise<Invalidation> {
    this.#call(`get ${id}`);
    this.pollsToComplete -= 1;
    const [invalidation] = [...this.made.values()].map((made) => made.invalidation).filter((made) => made.id === id);
    return { ...invalidation!, status: this.pollsToComplete > 0 ? 'InProgress' : 'Completed' };
  }

  #call(call: string): void {
    this.log.push(call);
    this.fail(call);
  }
}

function world() {
  let now = 1_000_000;
  const clock: Clock = { now: () => now, sleep: async (ms) => void (now += ms) };
  const cdn = new FakeCdn(clock);
  const store = new FakeBucket();
  const ports: ApplyPorts = { cdn, store, clock, progress: silentProgress() };
  return { cdn, store, clock, ports, later: (ms: number) => void (now += ms) };
}

const publication = '3-0123456789abcdef';
const base: Inputs = {
  region: 'us-east-1',
  roleToAssume: undefined,
  roleSessionName: 'slipway',
  roleDurationSeconds: 3600,
  dryRun: false,
  distribution: { id: 'E1' },
  paths: ['/', '/index.html'],
  maxPaths: 15,
  publication,
  record: { bucket: 'site', prefix: 'app/' },
  wait: true,
  waitTimeoutMinutes: 15,
  run: { id: '7', attempt: 1 },
};

async function run({ ports, clock }: ReturnType<typeof world>, changes: Partial<Inputs> = {}, step = 'job/step') {
  const inputs = { ...base, ...changes };
  const plan = planInvalidation(inputs, await observe(inputs, ports), { step, now: clock.now() });
  return reportInvalidation(plan, inputs.dryRun || plan.kind === 'nothing' ? undefined : await apply(plan, ports));
}

test('asks, waits, and notes in the bucket that it was done, where sync-frontend looks', async () => {
  const here = world();
  const { outputs, summary, failure } = await run(here);
  expect(here.cdn.log).toEqual(['create E1 / /index.html', 'get I1', 'get I1']);
  expect(failure).toBeUndefined();
  expect(outputs).toEqual({
    changed: 'true',
    'invalidation-id': 'I1',
    paths: '["/","/index.html"]',
    'path-count': '2',
  });
  expect(summary).toContain('✅ Invalidated');
  const names = new Set(here.store.keys.map((key) => key.slice('app/'.length)));
  const release = {
    id: '',
    sequence: 3,
    origin: 3,
    content: '0123456789abcdef',
    sourceHash: undefined,
    rolledBackBy: undefined,
  };
  const site = { releases: [{ ...release, files: new Map() }], uncertain: [], paths: ['/index.html', '/'] };
  expect(isInvalidated(site satisfies SiteState, names)).toBe(true);
});

test('nothing changed: no call at all, green', async () => {
  const here = world();
  const { outputs, failure } = await run(here, { paths: [], distribution: { alias: 'nobody.example.com' } });
  expect([here.cdn.log, here.store.log, failure]).toEqual([[], [], undefined]);
  expect(outputs).toEqual({ changed: 'false', 'invalidation-id': '', paths: '[]', 'path-count': '0' });
});

describe('once', () => {
  test('a rerun after success asks CloudFront nothing', async () => {
    const here = world();
    await run(here);
    here.cdn.log.length = 0;
    const { outputs } = await run(here, { run: { id: '7', attempt: 2 } });
    expect(here.cdn.log).toEqual([]);
    expect(outputs).toMatchObject({ changed: 'false', 'invalidation-id': 'I1' });
  });

  test('without a bucket the same publication gets the same invalidation, and says so', async () => {
    const here = world();
    await run(here, { record: undefined });
    here.later(60_000);
    const { outputs, summary } = await run(here, { record: undefined, run: { id: '8', attempt: 1 } });
    expect(here.cdn.made.size).toBe(1);
    expect(outputs).toMatchObject({ changed: 'false', 'invalidation-id': 'I1', 'path-count': '2' });
    expect(summary).toContain('asked for before, not again');
  });

  test('a bucket that lets nobody look: the note is made all the same', async () => {
    const here = world();
    here.store.read = async () => {
      throw new AwsError('AccessDenied', 'no', {
        service: 'S3',
        operation: 'GetObject',
        httpStatus: 403,
        fault: 'user',
      });
    };
    expect((await run(here)).failure).toBeUndefined();
    expect(here.store.keys).toHaveLength(1);
  });

  test('an answer lost on the way: the rerun finds it', async () => {
    const here = world();
    here.cdn.fail = (call) => {
      if (call.startsWith('create'))
        throw new AwsError('ECONNRESET', 'reset', { service: 'CloudFront', operation: 'CreateInvalidation' });
    };
    const first = await run(here);
    expect(first.failure?.code).toBe('ECONNRESET');
    expect(first.outputs).toMatchObject({ changed: 'false', 'invalidation-id': '', 'path-count': '0' });
    expect(here.store.keys).toEqual([]);
    here.cdn.fail = () => undefined;
    expect((await run(here)).outputs['invalidation-id']).toBe('I1');
    expect(here.cdn.made.size).toBe(1);
  });

  test('another publication, also of content that was there before, is invalidated again', async () => {
    const here = world();
    await run(here);
    await run(here, { publication: '5-0123456789abcdef' });
    expect(here.cdn.made.size).toBe(2);
  });

  test('without a publication: once for a step and its retries, again for another step, attempt or run', async () => {
    const here = world();
    const one = { publication: undefined };
    await run(here, one);
    await run(here, one);
    expect(here.cdn.made.size).toBe(1);
    await run(here, one, 'job/another-step');
    await run(here, { ...one, run: { id: '7', attempt: 2 } });
    await run(here, { ...one, run: { id: '8', attempt: 1 } });
    expect(here.cdn.made.size).toBe(4);
    await run(here, { ...one, run: { id: '', attempt: 1 } });
    here.later(1);
    await run(here, { ...one, run: { id: '', attempt: 1 } });
    expect(here.cdn.made.size).toBe(6);
    expect(here.store.keys).toEqual([]);
  });
});

describe('waiting', () => {
  test('not complete in time is red, not noted, and the rerun waits for the same one', async () => {
    const here = world();
    here.cdn.pollsToComplete = 1000;
    const first = await run(here, { waitTimeoutMinutes: 1 });
    expect(first.failure?.message).toContain('invalidation I1 of distribution E1: not proven before the time limit');
    expect(first.outputs).toMatchObject({ changed: 'true', 'invalidation-id': 'I1' });
    expect(first.summary).toContain('❌ Invalidation asked for, not proven complete');
    expect(here.store.keys).toEqual([]);
    here.cdn.pollsToComplete = 1;
    expect((await run(here)).failure).toBeUndefined();
    expect(here.cdn.made.size).toBe(1);
    expect(here.store.keys).toHaveLength(1);
  });

  test('a throttled poll is no news, a denied one is red', async () => {
    const here = world();
    let polls = 0;
    here.cdn.fail = (call) => {
      polls += call.startsWith('get') ? 1 : 0;
      if (polls === 1)
        throw new AwsError('Throttling', 'slow', {
          service: 'CloudFront',
          operation: 'GetInvalidation',
          httpStatus: 400,
        });
    };
    expect((await run(here)).failure).toBeUndefined();
    const there = world();
    there.cdn.fail = (call) => {
      if (call.startsWith('get'))
        throw new AwsError('AccessDenied', 'no', {
          service: 'CloudFront',
          operation: 'GetInvalidation',
          httpStatus: 403,
          fault: 'user',
        });
    };
    expect((await run(there)).failure?.code).toBe('AccessDenied');
  });

  test('wait: false starts it and notes it, as it cannot be cancelled', async () => {
    const here = world();
    const { summary } = await run(here, { wait: false });
    expect(here.cdn.log).toEqual(['create E1 / /index.html']);
    expect(summary).toContain('✅ Invalidation started');
    expect(here.store.keys).toHaveLength(1);
  });
});

describe('an alias', () => {
  test.each([
    ['example.com', 'E1'],
    ['d2.cloudfront.net', 'E2'],
  ])('%s is the distribution %s', async (alias, id) => {
    const here = world();
    await run(here, { distribution: { alias } });
    expect(here.cdn.log.slice(0, 2)).toEqual(['list', `create ${id} / /index.html`]);
  });

  test('of nobody, or of several, is refused with what there is', async () => {
    const here = world();
    await expect(run(here, { distribution: { alias: 'ww.example.com' } })).rejects.toThrow(
      'no distribution answers to ww.example.com; the account has www.example.com (E1), d2.cloudfront.net (E2)',
    );
    here.cdn.known = here.cdn.known.map((distribution) => ({ ...distribution, aliases: ['a.example.com'] }));
    await expect(run(here, { distribution: { alias: 'a.example.com' } })).rejects.toThrow(
      '2 distributions answer to a.example.com: E1, E2',
    );
    here.cdn.known = [];
    await expect(run(here, { distribution: { alias: 'a.example.com' } })).rejects.toThrow('the account has none');
    expect(here.cdn.made.size).toBe(0);
  });
});

test('a dry run shows the folded paths and asks for nothing', async () => {
  const here = world();
  const paths = Array.from({ length: 20 }, (_, n) => `/blog/${n}`);
  const { outputs, summary } = await run(here, { paths, dryRun: true });
  expect(here.cdn.log).toEqual([]);
  expect(here.store.writes).toEqual([]);
  expect(outputs).toEqual({ changed: 'false', 'invalidation-id': '', paths: '["/blog/*"]', 'path-count': '0' });
  expect(summary).toContain('1 (folded from 20)');
});

test('the summary neutralises what comes from outside', async () => {
  const { summary } = await run(world(), { paths: ['/`</details>`|x'] });
  expect(summary).toContain('<code>/&#96;&#60;/details&#62;&#96;&#124;x</code>');
});
