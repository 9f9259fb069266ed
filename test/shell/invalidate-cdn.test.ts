import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ActionError, AwsError } from '../../shared/core/errors.ts';
import { markerPath } from '../../shared/core/release.ts';
import { encodeUrlPath, keyToUrlPath } from '../../shared/core/url-path.ts';
import { distributionId, InvalidateWorld, publication } from '../kit/invalidate-run.ts';

let here: InvalidateWorld;
beforeEach(async () => void (here = await InvalidateWorld.start()));
afterEach(() => here.stub.stop());

const numbered = (count: number, name: (n: number) => string): readonly string[] =>
  Array.from({ length: count }, (_, n) => name(n));
const throttled = { error: 'Throttling', message: 'Rate exceeded' };
const unavailable = { error: 'ServiceUnavailable', status: 503 };
const denied = (action: string) => ({
  error: 'AccessDenied',
  status: 403,
  message: `User: arn:aws:sts::123456789012:assumed-role/deploy/slipway is not authorized to perform: cloudfront:${action} on resource: arn:aws:cloudfront::123456789012:distribution/${distributionId} because no identity-based policy allows the cloudfront:${action} action`,
});

test('asks, waits, and notes in the bucket that it was done, where sync-frontend looks', async () => {
  here.stub.completeAfter = { ms: 0, looks: 2 };
  const { outputs, summary, failure } = await here.run();
  expect(here.asked()).toEqual([
    'CreateInvalidation I0000000000001',
    'GetInvalidation I0000000000001',
    'GetInvalidation I0000000000001',
  ]);
  expect(failure).toBeUndefined();
  expect(outputs).toEqual({
    changed: 'true',
    'invalidation-id': 'I0000000000001',
    paths: '["/","/index.html"]',
    'path-count': '2',
  });
  expect(summary).toContain('✅ Invalidated\n');
  expect(here.store.keys).toEqual([`app/${markerPath({ publication, paths: ['/index.html', '/'], distributionId })}`]);
});

test('nothing changed: no call at all, green', async () => {
  const { outputs, failure } = await here.run({ paths: [], distribution: { alias: 'nobody.example.com' } });
  expect([here.asked(), here.store.log, failure]).toEqual([[], [], undefined]);
  expect(outputs).toEqual({ changed: 'false', 'invalidation-id': '', paths: '[]', 'path-count': '0' });
});

describe('once', () => {
  test('a rerun after success asks CloudFront nothing', async () => {
    await here.run();
    here.asked();
    const { outputs } = await here.run({}, 'another process');
    expect(here.asked()).toEqual([]);
    expect(outputs).toMatchObject({ changed: 'false', 'invalidation-id': 'I0000000000001', 'path-count': '0' });
  });

  test('without a bucket the same publication gets the same invalidation, says so, and uses no path', async () => {
    await here.run({ record: undefined });
    await here.clock.sleep(60_000);
    const { outputs, summary } = await here.run({ record: undefined }, 'another process');
    expect(here.sent).toHaveLength(1);
    expect(outputs).toMatchObject({ changed: 'false', 'invalidation-id': 'I0000000000001', 'path-count': '2' });
    expect(summary).toContain('asked for before, not again');
    expect(summary).toContain('this run used 0 of the 1,000');
  });

  test('a bucket that lets nobody look: the note is made all the same', async () => {
    here.store.read = async () => {
      throw new AwsError('AccessDenied', 'no', {
        service: 'S3',
        operation: 'GetObject',
        httpStatus: 403,
        fault: 'user',
      });
    };
    expect((await here.run()).failure).toBeUndefined();
    expect(here.store.keys).toHaveLength(1);
  });

  test.each([
    ['Forbidden', true],
    ['NoSuchBucket', false],
  ])('a note that cannot be read (%s): goes on: %s', async (code, goesOn) => {
    here.store.read = async () => {
      throw new AwsError(code, 'no', { service: 'S3', operation: 'GetObject', httpStatus: 403, fault: 'user' });
    };
    if (goesOn) expect((await here.run()).failure).toBeUndefined();
    else await expect(here.run()).rejects.toMatchObject({ code });
    expect(here.sent).toHaveLength(goesOn ? 1 : 0);
  });

  test('noted twice by runs that could not look', async () => {
    here.store.read = async () => {
      throw new AwsError('AccessDenied', 'no', {
        service: 'S3',
        operation: 'GetObject',
        httpStatus: 403,
        fault: 'user',
      });
    };
    await here.run();
    expect((await here.run()).failure).toBeUndefined();
    expect(here.store.keys).toHaveLength(1);
  });

  test('an empty note is a note', async () => {
    here.store.place(`app/${markerPath({ publication, paths: ['/', '/index.html'], distributionId })}`, '');
    await here.run();
    expect(here.asked()).toEqual([]);
  });

  test('whether it was asked for before is told by CloudFront’s clock, not by ours', async () => {
    here.skew = -60_000;
    expect((await here.run({ record: undefined })).outputs['changed']).toBe('true');
    here.skew = 60_000;
    expect((await here.run({ record: undefined, publication: '4-aaaaaaaaaaaaaaaa' })).outputs['changed']).toBe('true');
    await here.clock.sleep(30_000);
    expect((await here.run({ record: undefined })).outputs['changed']).toBe('false');
  });

  test('a note is a note whatever it says, and what it says is not handed on unseen', async () => {
    await here.run();
    here.store.place(here.store.keys[0]!, '::error::x\n`</details>`');
    here.asked();
    expect((await here.run()).outputs).toMatchObject({ changed: 'false', 'invalidation-id': '' });
    expect(here.asked()).toEqual([]);
  });

  test('an answer lost on the way is found again by the next try, of the same run', async () => {
    here.stub.breakNext('CreateInvalidation', { drop: 'after' });
    const { outputs, failure, summary } = await here.run();
    expect(failure).toBeUndefined();
    expect(here.asked()).toEqual(['CreateInvalidation I0000000000001 lost', 'CreateInvalidation I0000000000001']);
    expect(here.sent).toHaveLength(1);
    // It was made by this run, and counts.
    expect(outputs).toMatchObject({ changed: 'true', 'invalidation-id': 'I0000000000001' });
    expect(summary).toContain('this run used 2 of the 1,000');
  });

  test('all answers lost: red, not noted; the rerun finds it', async () => {
    here.stub.breakAll('CreateInvalidation', { drop: 'after' });
    const first = await here.run();
    expect(first.failure?.code).toBe('WaitTimeout');
    expect(first.outputs).toMatchObject({ changed: 'false', 'invalidation-id': '', 'path-count': '0' });
    expect(here.store.keys).toEqual([]);
    here.stub.breakAll('CreateInvalidation', undefined);
    const second = await here.run();
    expect(second.outputs).toMatchObject({ changed: 'false', 'invalidation-id': 'I0000000000001' });
    expect(here.sent).toHaveLength(1);
    expect(here.store.keys).toHaveLength(1);
  });

  test('another publication, also of content that was there before, is invalidated again', async () => {
    await here.run();
    await here.run({ publication: '4-aaaaaaaaaaaaaaaa' });
    await here.run({ publication: '5-0123456789abcdef' });
    expect(here.sent).toHaveLength(3);
  });

  test('without a publication: once for a process and its retries, again for any other', async () => {
    const one = { publication: undefined, record: undefined };
    here.stub.breakNext('CreateInvalidation', { drop: 'after' });
    await here.run(one);
    expect(here.sent).toHaveLength(1);
    await here.run(one, 'another leg of the matrix');
    await here.run(one, 'the job again');
    expect(here.sent).toHaveLength(3);
    expect(here.store.keys).toEqual([]);
  });

  test('a note of another distribution is none: a wrong id that is corrected is made up for', async () => {
    here.stub.add({ id: 'E2STAGING', aliases: [] });
    await here.run({ distribution: { id: 'E2STAGING' } });
    const { outputs, summary } = await here.run();
    expect(outputs).toMatchObject({ changed: 'true', 'path-count': '2' });
    expect(summary).toContain('✅ Invalidated');
    expect(here.store.keys).toEqual(
      ['E1EXAMPLE', 'E2STAGING'].map(
        (id) => `app/${markerPath({ publication, paths: ['/', '/index.html'], distributionId: id })}`,
      ),
    );
    here.asked();
    expect((await here.run({ distribution: { alias: 'www.example.com' } })).outputs).toMatchObject({
      'path-count': '0',
    });
    expect(here.asked()).toEqual(['ListDistributions ']);
  });

  test('a publication without a bucket: that nobody will know is said', async () => {
    const { summary } = await here.run({ record: undefined });
    expect(summary).toContain('every later release will name these paths again');
    expect((await here.run()).summary).not.toContain('every later release');
  });
});

describe('waiting for completion', () => {
  test('not complete in time is red, not noted, and the rerun waits for the same one', async () => {
    here.stub.completeAfter = { ms: 90_000, looks: 0 };
    const started = here.clock.now();
    const first = await here.run({ waitTimeoutMinutes: 1 });
    expect(here.clock.now() - started).toBe(60_000);
    expect(first.failure?.message).toContain(
      'invalidation I0000000000001 of distribution E1EXAMPLE: not proven before the time limit; last seen: invalidation I0000000000001: InProgress',
    );
    expect(first.outputs).toMatchObject({ changed: 'true', 'invalidation-id': 'I0000000000001' });
    expect(first.summary).toContain('❌ Invalidation asked for, not proven complete');
    expect(first.summary).toContain('Run it again');
    expect(here.store.keys).toEqual([]);
    const second = await here.run({ waitTimeoutMinutes: 1 });
    expect(second.failure).toBeUndefined();
    expect(second.outputs).toMatchObject({ changed: 'false', 'invalidation-id': 'I0000000000001' });
    expect(here.sent).toHaveLength(1);
    expect(here.store.keys).toHaveLength(1);
  });

  test('without a publication a rerun asks anew, and the summary says so', async () => {
    here.stub.completeAfter = { ms: 90_000, looks: 0 };
    const { summary } = await here.run({ waitTimeoutMinutes: 1, publication: undefined, record: undefined });
    expect(summary).toContain('asks for everything anew');
  });

  test('tells the state when it changes, and every half minute that it is still there', async () => {
    here.stub.completeAfter = { ms: 100_000, looks: 0 };
    await here.run();
    const told = here.lines.filter((line) => line.includes('InProgress ('));
    expect(told.length).toBeGreaterThanOrEqual(3);
    expect(told.length).toBeLessThanOrEqual(4);
    expect(told.at(-1)).toMatch(/^invalidation I0000000000001: InProgress \(1 min \d+ s\)$/);
    expect(here.lines).toContainEqual(
      expect.stringMatching(/^invalidation I0000000000001: Completed \(1 min 4\d s\)$/),
    );
  });

  test('a throttled or broken look is no news, and is told', async () => {
    here.stub.completeAfter = { ms: 10_000, looks: 0 };
    here.stub.breakNext('GetInvalidation', throttled, unavailable, { drop: 'before' });
    expect((await here.run()).failure).toBeUndefined();
    expect(here.lines.join('\n')).toContain('no answer (Throttling)');
    expect(here.lines.join('\n')).toContain('no answer (ServiceUnavailable)');
  });

  test('looks come no more than ten seconds apart, however long it takes', async () => {
    here.stub.completeAfter = { ms: 120_000, looks: 0 };
    await here.run();
    const at = here.stub.calls.map((call) => call.at);
    const pauses = at.slice(2).map((time, index) => time - at[index + 1]!);
    expect(Math.max(...pauses)).toBe(10_000);
  });

  test('a denied look is red, and names the statement that is missing', async () => {
    here.stub.completeAfter = { ms: 10_000, looks: 0 };
    here.stub.breakNext('GetInvalidation', denied('GetInvalidation'));
    const { failure, outputs } = await here.run();
    expect(failure?.code).toBe('AccessDenied');
    expect(failure?.hint).toContain('cloudfront:GetInvalidation');
    expect(failure?.hint).toContain(`arn:aws:cloudfront::123456789012:distribution/${distributionId}`);
    expect(outputs['invalidation-id']).toBe('I0000000000001');
    expect(here.store.keys).toEqual([]);
  });

  test('wait: false starts it and notes it, as it cannot be cancelled', async () => {
    here.stub.completeAfter = { ms: 60_000, looks: 0 };
    const { summary } = await here.run({ wait: false });
    expect(here.asked()).toEqual(['CreateInvalidation I0000000000001']);
    expect(summary).toContain('✅ Invalidation started');
    expect(here.store.keys).toHaveLength(1);
  });

  test('wait: false, started and not noted: red, with what is missing', async () => {
    here.stub.completeAfter = { ms: 60_000, looks: 0 };
    here.store.before = () => {
      throw new AwsError('AccessDenied', 'no', { service: 'S3', operation: 'PutObject', fault: 'user' });
    };
    expect((await here.run({ wait: false })).summary).toContain('❌ Invalidated, but not noted in the bucket');
  });

  test('a cancelled run says what was asked for and notes nothing', async () => {
    here.stub.completeAfter = { ms: 60_000, looks: 0 };
    here.clock.after(20, () => here.cancelled.abort(new ActionError('Cancelled', 'the run was cancelled')));
    const { failure, outputs } = await here.run();
    expect(failure?.code).toBe('Cancelled');
    expect(outputs['invalidation-id']).toBe('I0000000000001');
    expect(here.store.keys).toEqual([]);
  });

  test('done but not noted: red, with what is missing', async () => {
    here.store.before = () => {
      throw new AwsError('AccessDenied', 'S3 PutObject was denied', {
        service: 'S3',
        operation: 'PutObject',
        fault: 'user',
        hint: 'give s3:PutObject',
      });
    };
    const { summary, failure, outputs } = await here.run();
    expect(failure?.code).toBe('AccessDenied');
    expect(summary).toContain('❌ Invalidated, but not noted in the bucket');
    expect(outputs['invalidation-id']).toBe('I0000000000001');
  });
});

describe('waiting its turn', () => {
  const wildcards = (count: number, letter = 'w') => numbered(count, (n) => `/${letter}${n}/*`);

  test('somebody else’s invalidations are in the way: it waits until there is room', async () => {
    here.stub.completeAfter = { ms: 45_000, looks: 0 };
    await here.run({ paths: wildcards(15, 'other'), publication: '2-aaaaaaaaaaaaaaaa', wait: false });
    here.asked();
    const { failure } = await here.run({ paths: ['/mine/*'], wait: false });
    expect(failure).toBeUndefined();
    const asked = here.asked();
    expect(asked.slice(0, -1).every((call) => call.endsWith('TooManyInvalidationsInProgress'))).toBe(true);
    expect(asked.length).toBeGreaterThan(2);
    expect(asked.at(-1)).toBe('CreateInvalidation I0000000000002');
    expect(here.lines.join('\n')).toContain('the invalidation waits its turn: as many invalidations are in progress');
    // Files are counted by themselves.
    await here.run({ paths: ['/a'], publication: '4-aaaaaaaaaaaaaaaa', wait: false });
    expect(here.asked()).toEqual(['CreateInvalidation I0000000000003']);
  });

  test.each([
    ['Throttling', throttled],
    ['503', unavailable],
    ['a broken connection', { drop: 'before' } as const],
  ])('%s is tried again', async (_, fault) => {
    here.stub.breakNext('CreateInvalidation', fault, fault, fault, fault);
    expect((await here.run()).failure).toBeUndefined();
    expect(here.sent).toHaveLength(1);
  });

  test.each([true, false])('never longer than the time limit (wait: %s), and then it is red', async (wait) => {
    here.stub.breakAll('CreateInvalidation', { error: 'TooManyInvalidationsInProgress' });
    const started = here.clock.now();
    const { failure, summary, outputs } = await here.run({ wait, waitTimeoutMinutes: 3 });
    expect(here.clock.now() - started).toBe(180_000);
    expect(failure).toMatchObject({ code: 'WaitTimeout', fault: 'cloud' });
    expect(failure?.message).toContain('TooManyInvalidationsInProgress');
    expect(summary).toContain('❌ Not invalidated');
    expect(outputs).toMatchObject({ changed: 'false', 'invalidation-id': '', paths: '[]' });
    expect(here.store.keys).toEqual([]);
  });

  test('the time limit is that of the whole run, not of each batch', async () => {
    here.stub.completeAfter = { ms: 1_000_000, looks: 0 };
    const started = here.clock.now();
    const { failure } = await here.run({ paths: wildcards(16), maxPaths: 100, waitTimeoutMinutes: 2 });
    expect(failure?.code).toBe('WaitTimeout');
    expect(here.clock.now() - started).toBe(120_000);
  });

  test('pauses grow to half a minute, and chance takes up to half of one away', async () => {
    const pauses = async (random: number): Promise<readonly number[]> => {
      here.random = () => random;
      here.stub.breakAll('CreateInvalidation', throttled);
      here.stub.calls.length = 0;
      await here.run({ waitTimeoutMinutes: 4 });
      const at = here.stub.calls.map((call) => call.at);
      return at.slice(1).map((time, index) => (time - at[index]!) / 1000);
    };
    expect((await pauses(1)).slice(0, 7)).toEqual([2, 4, 8, 16, 30, 30, 30]);
    expect((await pauses(0)).slice(0, 7)).toEqual([1, 2, 4, 8, 15, 15, 15]);
  });

  test('what no time mends is red at once', async () => {
    here.stub.breakNext('CreateInvalidation', denied('CreateInvalidation'));
    const refused = await here.run();
    expect(refused.failure?.hint).toContain('cloudfront:CreateInvalidation');
    expect(refused.summary).toContain('cloudfront:CreateInvalidation');
    const gone = await here.run({ distribution: { id: 'E0000000000' } });
    expect(gone.failure?.code).toBe('NoSuchDistribution');
    expect(gone.summary).toContain('Check "distribution-id" and the account');
    here.stub.breakNext('CreateInvalidation', { error: 'InvalidArgument' });
    expect((await here.run()).failure?.code).toBe('InvalidArgument');
    expect(here.asked()).toHaveLength(3);
  });
});

describe('batches', () => {
  const files = numbered(7000, (n) => `/page-${n}.html`);
  const wildcards = numbered(40, (n) => `/w${n}/*`);

  test('more than CloudFront works on at a time goes in batches that wait for each other', async () => {
    here.stub.completeAfter = { ms: 60_000, looks: 0 };
    const { outputs, summary, failure } = await here.run({ paths: [...files, ...wildcards], maxPaths: 10_000 });
    expect(failure).toBeUndefined();
    expect(here.sent.map((paths) => paths.length)).toEqual([3000, 3000, 1040]);
    expect(here.sent.map((paths) => paths.filter((path) => path.endsWith('*')).length)).toEqual([15, 15, 10]);
    expect(here.sent.flat().sort()).toEqual([...files, ...wildcards].sort());
    expect(new Set(here.stub.invalidations.map(({ callerReference }) => callerReference)).size).toBe(3);
    expect(outputs).toMatchObject({
      changed: 'true',
      'invalidation-id': 'I0000000000001,I0000000000002,I0000000000003',
      'path-count': '7040',
    });
    expect(JSON.parse(outputs['paths']!)).toHaveLength(7040);
    expect(summary).toContain('| 3 | `I0000000000003` | Completed | 1040 | 10 |');
    expect(here.stub.invalidations.every(({ status }) => status === 'Completed')).toBe(true);
    expect(here.store.content(here.store.keys[0]!)).toBe('I0000000000001,I0000000000002,I0000000000003\n');
    expect(here.lines[0]).toBe(
      '3 batches: CloudFront works on 3000 paths and 15 wildcards of a distribution at a time',
    );
    expect(here.lines.join('\n')).toContain('batch 2 of 3 waits its turn');
  });

  test('more than 15 wildcards within max-paths are not folded', async () => {
    await here.run({ paths: wildcards, maxPaths: 40 });
    expect(here.sent.map((paths) => paths.length)).toEqual([15, 15, 10]);
  });

  test('some taken, then refused: says which, notes nothing; the rerun repeats none of them', async () => {
    here.stub.completeAfter = { ms: 30_000, looks: 0 };
    const given = { paths: wildcards, maxPaths: 40 };
    here.stub.breakNext('CreateInvalidation', {}, {}, denied('CreateInvalidation'));
    const first = await here.run(given);
    // The second had to wait its turn once, which the third answer denied.
    expect(first.failure?.code).toBe('AccessDenied');
    expect(first.outputs).toMatchObject({
      changed: 'true',
      'invalidation-id': 'I0000000000001',
      'path-count': '15',
    });
    expect(JSON.parse(first.outputs['paths']!)).toEqual(here.sent[0]);
    expect(first.summary).toContain('❌ Only 1 of 3 batches were taken');
    expect(first.summary).toContain('| 2 | – | not taken | 15 | 15 |');
    expect(first.summary).toContain('this run used 15 of the 1,000');
    expect(here.lines.at(-1)).toContain('this run used 15 of the 1,000');
    expect(here.store.keys).toEqual([]);

    await here.clock.sleep(60_000);
    const second = await here.run(given);
    expect(second.failure).toBeUndefined();
    expect(second.outputs).toMatchObject({
      changed: 'true',
      'invalidation-id': 'I0000000000001,I0000000000002,I0000000000003',
      'path-count': '40',
    });
    expect(second.summary).toContain('1 of 3 batches asked for before, not again');
    expect(second.summary).toContain('this run used 25 of the 1,000');
    expect(here.sent).toHaveLength(3);
    expect(here.store.keys).toHaveLength(1);
    here.asked();
    expect((await here.run(given)).outputs['changed']).toBe('false');
    expect(here.asked()).toEqual([]);
  });
});

describe('an alias', () => {
  beforeEach(() => {
    here.stub.add({ id: 'E2', aliases: ['*.example.com'] });
    here.stub.add({ id: 'E3', aliases: ['*.app.example.com', '*.example.org'] });
    here.stub.add({ id: 'E4', domainName: 'd4.cloudfront.net' });
    // Also what is on a later page.
    here.stub.pageSize = 2;
  });

  test.each([
    ['example.com', distributionId],
    ['d4.cloudfront.net', 'E4'],
    ['www.example.com', distributionId],
    ['other.example.com', 'E2'],
    ['*.example.com', 'E2'],
    ['eu.app.example.com', 'E3'],
    ['a.eu.app.example.com', 'E3'],
  ])('%s is the distribution %s', async (alias, id) => {
    const { failure } = await here.run({ distribution: { alias }, dryRun: false });
    expect(failure).toBeUndefined();
    expect(here.stub.invalidations[0]?.distributionId).toBe(id);
    expect(here.asked().slice(0, 3)).toEqual([
      'ListDistributions ',
      'ListDistributions ',
      'CreateInvalidation I0000000000001',
    ]);
  });

  test('of nobody, or of several, is refused with what there is', async () => {
    await expect(here.run({ distribution: { alias: 'www.example.net' } })).rejects.toThrow(
      'no distribution answers to www.example.net; the account has E1EXAMPLE (www.example.com, example.com, e1example.cloudfront.net), E2 (*.example.com, e2.cloudfront.net), E3 (*.app.example.com, *.example.org, e3.cloudfront.net), E4 (d4.cloudfront.net)',
    );
    // A wildcard stands for names below it, not for the name itself.
    await expect(here.run({ distribution: { alias: 'example.org' } })).rejects.toThrow('no distribution answers');
    here.stub.add({ id: 'E5', aliases: ['WWW.Example.com'] });
    await expect(here.run({ distribution: { alias: 'www.example.com' } })).rejects.toThrow(
      '2 distributions answer to www.example.com: E1EXAMPLE (',
    );
    for (const id of [distributionId, 'E2', 'E3', 'E4', 'E5']) here.stub.remove(id);
    await expect(here.run({ distribution: { alias: 'a.example.com' } })).rejects.toThrow('the account has none');
    expect(here.sent).toHaveLength(0);
  });

  test('that nobody may look up names the statement', async () => {
    here.stub.breakNext('ListDistributions', denied('ListDistributions'));
    await expect(here.run({ distribution: { alias: 'a.example.com' } })).rejects.toMatchObject({
      code: 'AccessDenied',
      hint: expect.stringContaining('cloudfront:ListDistributions') as unknown,
    });
  });
});

describe('what is sent', () => {
  test('a path with "~" as the wildcard of what stands before it, told in the log and the summary', async () => {
    const paths = ['/a%7Eb.html', '/ab', '/docs/x', '/docs/star%2A.txt', '/docs/start'];
    const { summary } = await here.run({ paths });
    expect(here.sent).toEqual([['/a*', '/docs/star*', '/docs/x']]);
    const told = '2 with "~" or "*" in a name, sent as the wildcard of what stands before it (/a%7Eb.html as /a*)';
    expect(here.lines.join('\n')).toContain(told);
    expect(summary).toContain('the wildcard of what stands before it');
    expect(summary).toContain('3 (from 5)');
  });

  test('says when paths were folded, and how many were left once what a wildcard covers was taken out', async () => {
    const covered = numbered(5, (n) => `/docs/${n}`);
    await here.run({ paths: [...numbered(11, (n) => `/blog/${n}`), '/docs/*', ...covered] });
    expect(here.lines.join('\n')).not.toContain('folded');
    const paths = [...numbered(20, (n) => `/blog/${n}`), '/docs/*', ...covered];
    await here.run({ paths, publication: '4-aaaaaaaaaaaaaaaa' });
    expect(here.sent.at(-1)).toEqual(['/blog/*', '/docs/*']);
    expect(here.lines).toContain('21 paths are more than max-paths (15): folded into 2, wildcards: 2');
  });

  test('is noted under the given paths, whatever became of them: the rerun asks nothing', async () => {
    const paths = ['/a%7Eb.html', ...numbered(20, (n) => `/blog/${n}`)];
    await here.run({ paths });
    expect(here.sent).toEqual([['/a*', '/blog/*']]);
    expect(here.store.keys).toEqual([`app/${markerPath({ publication, paths, distributionId })}`]);
    here.asked();
    await here.run({ paths: [...paths].reverse(), queryStrings: true, maxPaths: 5 });
    expect(here.asked()).toEqual([]);
  });

  test('a query string exactly; with query-strings any', async () => {
    const paths = ['/a?x=1&y=%7E', '/b', '/c/*', '/d?x=1'];
    await here.run({ paths });
    await here.run({ paths, queryStrings: true, publication: '4-aaaaaaaaaaaaaaaa' });
    expect(here.sent).toEqual([
      ['/a?x=1&y=*', '/b', '/c/*', '/d?x=1'],
      ['/a?x=1&y=*', '/b*', '/c/*', '/d?x=1'],
    ]);
  });

  test('a dry run shows the folded paths and asks for nothing', async () => {
    const { outputs, summary } = await here.run({ paths: numbered(20, (n) => `/blog/${n}`), dryRun: true });
    expect(here.asked()).toEqual([]);
    expect(here.store.writes).toEqual([]);
    expect(outputs).toEqual({ changed: 'false', 'invalidation-id': '', paths: '["/blog/*"]', 'path-count': '0' });
    expect(summary).toContain('1 (from 20)');
    expect(summary).toContain('20 paths are more than max-paths (15): folded into 1, wildcards: 1');
  });

  test('the summary neutralises what comes from outside', async () => {
    const { summary } = await here.run({ paths: ['/%60%3C/details%3E%60|x'], dryRun: true });
    expect(summary).toContain('<code>/&#37;60&#37;3C/details&#37;3E&#37;60&#124;x</code>');
    expect((await here.run({ paths: ['/<b>~'], dryRun: true })).summary).toContain('(/&lt;b&gt;\\~ as /&lt;b&gt;\\*)');
  });
});

describe('viewers', () => {
  /** Changes every page behind the viewers' back, and says which of the urls are still old after an invalidation of the paths. */
  async function stale(urls: readonly string[], changes: Parameters<InvalidateWorld['run']>[0], queryStrings = false) {
    let version = 1;
    here.stub.add({ id: distributionId, queryStrings, origin: () => `v${version}` });
    for (const url of urls) await here.stub.view(distributionId, url);
    version = 2;
    await here.run(changes);
    const seen = await Promise.all(urls.map((url) => here.stub.view(distributionId, url)));
    return urls.filter((_, index) => seen[index] === 'v1');
  }

  test('get the new page once it is complete, not before', async () => {
    let page = 'v1';
    here.stub.add({ id: distributionId, origin: () => page });
    here.stub.completeAfter = { ms: 60_000, looks: 0 };
    await here.stub.view(distributionId, '/');
    page = 'v2';
    await here.run({ wait: false });
    expect(await here.stub.view(distributionId, '/')).toBe('v1');
    await here.run({ publication: '4-aaaaaaaaaaaaaaaa' });
    expect(await here.stub.view(distributionId, '/')).toBe('v2');
  });

  const odd = ['/a b.html', '/é/ü.html', '/[1].js', '/runtime~main.js', '/star*.txt', "/it's(1)+&;,=@.js", '/100%25'];

  test.each([true, false])(
    'have no old page of any name, whatever CloudFront takes %%7E for (%s)',
    async (isTildeMatched) => {
      here.stub.isTildeMatched = isTildeMatched;
      const keys = ['a b.html', 'é/ü.html', '[1].js', 'runtime~main.js', 'star*.txt', "it's(1)+&;,=@.js", '100%'];
      const paths = keys.map((key) => `/${keyToUrlPath(key)}`);
      expect(await stale([...odd, '/else'], { paths })).toEqual(['/else']);
    },
  );

  test('with the cache key holding query strings: old with the path alone, fresh with query-strings', async () => {
    const urls = ['/a', '/a?x=1', '/a?x=2', '/b'];
    expect(await stale(urls, { paths: ['/a'] }, true)).toEqual(['/a?x=1', '/a?x=2', '/b']);
    const second = { paths: ['/a'], queryStrings: true, publication: '4-aaaaaaaaaaaaaaaa' };
    expect(await stale(['/c', ...urls], second, true)).toEqual(expect.not.arrayContaining(['/a', '/a?x=1', '/a?x=2']));
    const third = { paths: ['/d?x=1'], publication: '5-aaaaaaaaaaaaaaaa' };
    expect(await stale(['/d', '/d?x=1', '/d?x=2'], third, true)).toEqual(['/d', '/d?x=2']);
  });

  test('never keep a page that changed, however much is folded, cut or put in batches', async () => {
    const segment = fc.constantFrom('a', 'b~c', 'd e', 'ü');
    const path = fc
      .tuple(fc.array(segment, { maxLength: 2 }), fc.constantFrom('', 'x', 'y!', 'z~', 'x*', '*'))
      .map(([directories, name]) => `/${[...directories, name].join('/')}`);
    let number = 10;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(path, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 25 }),
        fc.boolean(),
        async (urls, maxPaths, queryStrings) => {
          const paths = urls.map((url) => encodeUrlPath(url));
          number += 1;
          const changes = { paths, maxPaths, queryStrings, publication: `${number}-0123456789abcdef` };
          expect(await stale(urls, changes, queryStrings)).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
