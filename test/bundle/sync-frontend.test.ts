import type { ChildProcess } from 'node:child_process';
import { rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { multipartThreshold } from '../../shared/core/multipart.ts';
import { S3Stub, type StubOptions } from '../kit/s3-stub.ts';
import {
  bucket,
  credentials,
  green,
  picture,
  servedObjects,
  sync,
  writes,
  writeSite,
  type Inputs,
  type Site,
} from './sync-frontend.sites.ts';
import type { ActionRun } from './spawn-action.ts';

/** The bundle on a strict S3 that checks every signature; what it asked for is all there is to see. */
let stub: S3Stub;
const started: S3Stub[] = [];
const directories: string[] = [];
const runs: ActionRun[] = [];

async function start(options: StubOptions = {}): Promise<void> {
  stub = await S3Stub.start({ buckets: [bucket], credentials, ...options });
  started.push(stub);
}
beforeEach(() => start());
afterEach(async () => {
  for (const one of started.splice(0)) one.stop();
  await Promise.all(directories.splice(0).map((directory) => rm(directory, { recursive: true, force: true })));
  for (const { output, summary, outputs } of runs.splice(0)) {
    for (const secret of [credentials.secretAccessKey, credentials.sessionToken, 'Signature=', 'AWS4-HMAC']) {
      expect(output + summary + JSON.stringify(outputs)).not.toContain(secret);
    }
  }
});

async function directoryOf(site: Site): Promise<string> {
  const directory = await writeSite(site);
  directories.push(directory);
  return directory;
}

async function publish(
  source: Site | string,
  inputs: Inputs = {},
  onStart?: (child: ChildProcess) => void,
): Promise<ActionRun> {
  const directory = typeof source === 'string' ? source : await directoryOf(source);
  stub.forget();
  const result = await sync(stub, { inputs: { source: directory, ...inputs }, ...(onStart && { onStart }) });
  runs.push(result);
  return result;
}
const requests = (): readonly string[] => stub.log.map(({ operation, key }) => `${operation} ${key}`.trim()).sort();
const written = (): readonly string[] =>
  writes(stub.log)
    .map(({ operation, key }) => `${operation} ${key}`)
    .sort();
const records = /\.releases\//;
/** What is written of the site itself. */
const sent = (): readonly string[] => written().filter((line) => !records.test(line));
const onlyLooked = ['GetObject .releases/state.json', 'ListObjectsV2'];

const site: Site = {
  'index.html': '<script src="/assets/app-1a2b3c4d.js"></script><link rel="stylesheet" href="/style.css">',
  'docs/index.html': 'docs',
  'assets/app-1a2b3c4d.js': 'console.log(1)',
  'style.css': 'p{}',
};

describe('by content', () => {
  test('the same bytes with new times: nothing but a look', async () => {
    const directory = await directoryOf(site);
    expect(green(await publish(directory)).outputs).toMatchObject({ changed: 'true', uploaded: '4' });
    for (const path of Object.keys(site)) await utimes(join(directory, path), 1, 1);
    expect(green(await publish(directory)).outputs).toMatchObject({ changed: 'false', unchanged: '4', bytes: '0' });
    expect(requests()).toEqual(onlyLooked);
  });

  test('one byte of the same size and time is sent', async () => {
    const directory = await directoryOf(site);
    for (const path of Object.keys(site)) await utimes(join(directory, path), 1, 1);
    green(await publish(directory));
    await writeFile(join(directory, 'style.css'), 'q{}');
    await utimes(join(directory, 'style.css'), 1, 1);
    expect(green(await publish(directory)).outputs).toMatchObject({ uploaded: '1', bytes: '3' });
    expect(sent()).toEqual(['PutObject style.css']);
    expect(stub.text(bucket, 'style.css')).toBe('q{}');
  });

  test('other headers are set without a body, and then nothing is left to do', async () => {
    green(await publish(site));
    const rules = { 'cache-control': 'docs/**=max-age=60', 'content-types': 'css=text/x-css' };
    expect(green(await publish(site, rules)).outputs).toMatchObject({ 'headers-changed': '2', bytes: '0' });
    expect(sent()).toEqual(['CopyObject docs/index.html', 'CopyObject style.css']);
    expect(stub.objects(bucket).get('docs/index.html')?.headers).toEqual({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'max-age=60',
    });
    expect(stub.objects(bucket).get('style.css')?.headers['content-type']).toBe('text/x-css');
    green(await publish(site, rules));
    expect(requests()).toEqual(onlyLooked);
  });

  test('a file in parts and opaque ETags are compared without a download', async () => {
    await start({ opaqueEtags: true });
    const large = { ...site, 'film.mp4': multipartThreshold + 1 };
    green(await publish(large));
    expect(stub.counts()).toMatchObject({ CreateMultipartUpload: 1, CompleteMultipartUpload: 1 });
    expect(stub.objects(bucket).get('film.mp4')?.size).toBe(multipartThreshold + 1);
    expect(green(await publish(large)).outputs).toMatchObject({ changed: 'false', unchanged: '5' });
    expect(requests()).toEqual(onlyLooked);
  }, 120_000);

  test('what somebody removed or changed by hand is put right', async () => {
    green(await publish(site));
    const whole = picture(servedObjects(stub));
    stub.remove(bucket, 'assets/app-1a2b3c4d.js');
    stub.place(bucket, 'style.css', { text: 'b{}' });
    const { outputs, summary } = green(await publish(site));
    expect(outputs).toMatchObject({ uploaded: '2', unchanged: '2' });
    expect(JSON.parse(outputs['changed-paths'] ?? '')).toContain('/style.css');
    expect(summary).toContain('missing');
    expect(picture(servedObjects(stub))).toEqual(whole);
  });

  test('1 % changed takes its listing, its files, one for each page and two more: no other file costs more', async () => {
    const name = (n: number): string => `assets/chunk-${(0xabcd0000 + n).toString(16)}.js`;
    const many = (version: string): Site => ({
      ...Object.fromEntries(Array.from({ length: 1_090 }, (_, n) => [name(n), n < 9 ? `${n} ${version}` : String(n)])),
      ...Object.fromEntries(
        Array.from({ length: 20 }, (_, n) => [`p${n}/index.html`, n < 2 ? `${n} ${version}` : 'same']),
      ),
      ...Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`img/${n}.png`, n < 5 ? `${n} ${version}` : `${n}`])),
      'sw.js': version,
      'index.html': 'same',
    });
    green(await publish(many('1')));
    expect(green(await publish(many('2'))).outputs).toMatchObject({ uploaded: '17', unchanged: String(1_145) });
    const counts = stub.counts();
    expect(counts['ListObjectsV2']).toBe(2);
    expect(sent()).toHaveLength(17);
    expect(stub.log).toHaveLength(2 + 17 + 2 + 2);
    expect(stub.log.filter(({ method }) => method === 'HEAD')).toEqual([]);
  });
});

describe('names', () => {
  const long = Array.from({ length: 5 }, (_, n) => `${n}`.repeat(199)).join('/');
  const odd = [
    'a+b c~é%.txt',
    'a%20b+.txt',
    '😀/🎉 (1).html',
    'q?x=1&y=2#z.txt',
    'it\'s;,=:@$!*[x]{y}|^`"<z>.txt',
    'back\\slash.txt',
    '.well-known/x y',
    `${long}.txt`,
  ];

  test('are exact, whatever they hold', async () => {
    expect(Buffer.byteLength(`${long}.txt`)).toBeGreaterThan(1000 - 5);
    const directory = await directoryOf({ 'index.html': 'x', ...Object.fromEntries(odd.map((name) => [name, name])) });
    green(await publish(directory));
    expect([...servedObjects(stub).keys()].sort()).toEqual([...odd, 'index.html'].sort());
    for (const name of odd) expect(stub.text(bucket, name)).toBe(name);
    green(await publish(directory));
    expect(requests()).toEqual(onlyLooked);
    const changed = { 'cache-control': '**=max-age=1' };
    expect(green(await publish(directory, changed)).outputs).toMatchObject({
      'headers-changed': String(odd.length + 1),
    });
    green(await publish({ 'index.html': 'x' }, { 'retain-releases': '1', 'max-delete-percent': '100' }));
    expect([...servedObjects(stub).keys()]).toEqual(['index.html']);
  });

  test('outside the prefix are never asked for', async () => {
    for (const key of ['app-2/index.html', 'app', 'index.html', 'app.html'])
      stub.place(bucket, key, { text: 'theirs' });
    const others = [...stub.objects(bucket)];
    const prefix = { prefix: 'app', 'max-delete-percent': '100', 'retain-releases': '1' };
    const logs = [];
    for (const one of [site, { 'index.html': 'x' }, site]) {
      green(await publish(one, prefix));
      logs.push(...stub.log);
    }
    expect(
      logs.filter(({ operation, key, keys }) =>
        operation === 'ListObjectsV2'
          ? false
          : ![key, ...keys].filter((one) => one !== '').every((one) => one.startsWith('app/')),
      ),
    ).toEqual([]);
    const listings = logs.filter(({ operation }) => operation === 'ListObjectsV2');
    expect(listings.map(({ query }) => new URLSearchParams(query).get('prefix'))).toEqual(['app/', 'app/', 'app/']);
    expect(logs.filter(({ operation }) => operation === 'DeleteObjects')).not.toEqual([]);
    for (const [key, object] of others) expect(stub.objects(bucket).get(key)).toBe(object);
  });
});

describe('refused before any write', () => {
  const published = async (): Promise<void> => void green(await publish(site));
  const refused = async (source: Site | string, hint: RegExp, inputs: Inputs = {}): Promise<void> => {
    const before = stub.snapshot().get(bucket)?.objects;
    const result = await publish(source, inputs);
    expect([result.exitCode, result.output]).toEqual([1, expect.stringMatching(hint)]);
    expect(writes(stub.log)).toEqual([]);
    expect([...stub.objects(bucket)]).toEqual([...before!]);
  };

  test('a source that is missing, empty, without a page, or the wrong one', async () => {
    await published();
    await refused('/nowhere/at/all', /source/);
    await refused({}, /source/);
    await refused({ 'app.js': 'x' }, /require-html: false/);
    await refused({ 'other.html': 'x' }, /max-delete-percent: 100/, { 'retain-releases': '1' });
  });

  test('links out of the root, and two files for one key', async () => {
    await published();
    const linked = await directoryOf(site);
    await symlink('/etc/hostname', join(linked, 'link.txt'));
    await refused(linked, /link\.txt[\s\S]*exclude/);
    await refused({ ...site, 'caf\u00e9.txt': '1', 'cafe\u0301.txt': '2' }, /two files for one key[\s\S]*exclude/);
  });
});

describe('rollback', () => {
  test('brings the release before back byte for byte, and the newer one again after it', async () => {
    const newer = { ...site, 'index.html': 'new', 'style.css': 'new', 'docs/more.html': 'more' };
    green(await publish(site, { 'release-id': 'r1' }));
    const first = picture(servedObjects(stub));
    green(await publish(newer, { 'release-id': 'r2' }));
    const second = picture(servedObjects(stub));
    const back = green(await publish('unused', { 'rollback-to': 'previous', 'max-delete-percent': '100' }));
    expect(back.outputs).toMatchObject({ 'release-id': 'r1', changed: 'true' });
    expect(picture(servedObjects(stub))).toEqual(first);
    // The style sheet from the record, and the record, twice.
    expect(stub.counts()['PutObject'] ?? 0).toBeLessThanOrEqual(3);
    const again = green(await publish(newer, { 'release-id': 'r2' }));
    expect(picture(servedObjects(stub))).toEqual(second);
    expect(JSON.parse(again.outputs['changed-paths'] ?? '')).toEqual(expect.arrayContaining(['/', '/style.css']));
    expect(again.outputs['publication']).not.toBe(back.outputs['publication']);
  });
});

describe('what goes wrong', () => {
  test('a cancelled run is red, says so, and sends nothing later', async () => {
    let child: ChildProcess | undefined;
    stub.fault = ({ key }) =>
      key === 'assets/app-1a2b3c4d.js'
        ? { at: 'before', run: () => void child?.kill('SIGINT'), delayMs: 200 }
        : undefined;
    const result = await publish(site, {}, (begun) => (child = begun));
    expect([result.exitCode, result.output]).toEqual([1, expect.stringContaining('cancelled')]);
    expect(sent().filter((line) => line.endsWith('.html'))).toEqual([]);
    expect(result.summary).toContain('cancelled');
    stub.fault = () => undefined;
    expect(green(await publish(site)).outputs).toMatchObject({ changed: 'true' });
    expect([...servedObjects(stub).keys()].sort()).toEqual(Object.keys(site).sort());
  });

  test('credentials that S3 does not take are named, without a secret', async () => {
    await start({ credentials: { ...credentials, secretAccessKey: 'another' } });
    const wrong = await publish(site);
    expect([wrong.exitCode, wrong.output]).toEqual([1, expect.stringContaining('SignatureDoesNotMatch')]);
    expect(writes(stub.log)).toEqual([]);
    await start({ credentials: { ...credentials, sessionToken: 'another' } });
    const other = await publish(site);
    expect([other.exitCode, other.output]).toEqual([1, expect.stringContaining('InvalidToken')]);
  });

  test('objects that may not be deleted: published, red, and a rerun deletes them', async () => {
    green(await publish(site));
    stub.undeletable = () => true;
    const rest = Object.fromEntries(Object.entries(site).filter(([path]) => path !== 'docs/index.html'));
    const result = await publish(rest);
    expect([result.exitCode, result.output]).toEqual([1, expect.stringContaining('s3:DeleteObject')]);
    stub.undeletable = () => false;
    green(await publish(rest));
    expect([...servedObjects(stub).keys()].sort()).toEqual(Object.keys(rest).sort());
  });

  test('somebody else publishes at the same time: one of the two is red', async () => {
    green(await publish(site));
    let hold: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (hold = resolve));
    let waiting = false;
    stub.fault = ({ operation, key }) => {
      if (waiting || operation !== 'PutObject' || key !== 'style.css') return undefined;
      waiting = true;
      return { at: 'before', run: () => held };
    };
    const slow = publish({ ...site, 'style.css': 'slow' }, { 'release-id': 'slow' });
    while (!waiting) await new Promise((resolve) => setTimeout(resolve, 20));
    const quick = await sync(stub, {
      inputs: { source: await directoryOf({ ...site, 'index.html': 'quick' }), 'release-id': 'quick' },
    });
    hold?.();
    const codes = [(await slow).exitCode, quick.exitCode].sort();
    expect([codes, (await slow).output + quick.output]).toEqual([[0, 1], expect.stringContaining('ConcurrentPublish')]);
  });
});
