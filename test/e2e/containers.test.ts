import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnAction, type ActionRun } from '../bundle/spawn-action.ts';
import { startEmulator, type Emulator } from '../local/emulator.ts';
import { prepare } from '../local/prepare.ts';
import { keptState } from '../local/state.ts';
import { root } from '../tools/actions.ts';
import { deployEcsCases } from './deploy-ecs.cases.ts';
import { privilegeCases } from './privilege/cases.ts';

// One file, as all of it shares the machine's Docker daemon: what is started here is stopped here.

/** `npm run local` as its users run it; what it prints goes to the log, so that a long run is never a silent one. */
const local = join(root, 'test/local/main.ts');

interface Run {
  readonly code: number | null;
  readonly said: string;
}

/** `interruptAt`: sends Ctrl-C as a terminal does when the output first matches. */
async function run(words: readonly string[], interruptAt?: RegExp): Promise<Run> {
  const child = spawn(process.execPath, [local, ...words], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let interrupted = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      said += data.toString();
      process.stdout.write(data);
      if (interruptAt?.test(said) === true && !interrupted) {
        interrupted = true;
        child.kill('SIGINT');
      }
    });
  }
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, said };
}

interface LastRun {
  readonly held: boolean;
  readonly checks: readonly { readonly held: boolean; readonly what: string }[];
  readonly [row: string]: unknown;
}
const lastRun = (): LastRun => JSON.parse(readFileSync(join(root, '.local/last-run.json'), 'utf8')) as LastRun;

/** What a run of this checkout left in Docker. */
async function leftovers(): Promise<string> {
  const filter = ['--filter', `label=slipway.local.root=${join(root, '.local')}`];
  const list = async (...words: readonly string[]): Promise<string> =>
    (await promisify(execFile)('docker', [...words, ...filter, '--quiet'])).stdout.trim();
  return `${await list('ps', '-a')}${await list('network', 'ls')}${await list('volume', 'ls')}`;
}

const daemonAnswers = (): Promise<boolean> =>
  promisify(execFile)('docker', ['version']).then(
    () => true,
    () => false,
  );

beforeAll(() => run(['--down']), 120_000);
afterAll(() => run(['--down']), 120_000);

describe('npm run local', () => {
  test('the whole pipeline holds, from nothing to fetched pages', async () => {
    const { code, said } = await run(['--keep']);
    const { held, checks, deployment, image, tasks, site } = lastRun();
    expect(checks.filter((check) => !check.held)).toEqual([]);
    expect({ code, held, deployment, tasks }).toEqual({
      code: 0,
      held: true,
      deployment: 'succeeded',
      tasks: '2 of 2 running',
    });
    expect(image).toMatch(/^sha256:[0-9a-f]{64} \((built|reused)\)$/);
    expect(site).toMatch(/^files: \d+ uploaded, 0 deleted, 0 unchanged$/);
    expect(checks.length).toBeGreaterThanOrEqual(10);
    expect(said).not.toMatch(/ASIA|SecretAccessKey|postgresql\+asyncpg:\/\/\w+:[^*]/);
  }, 900_000);

  test('what it serves is reachable from loopback and its private network only', async () => {
    const { emulator } = keptState()!;
    const listening = ['/proc/net/tcp', '/proc/net/tcp6']
      .flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(1))
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => state === '0A' && parseInt(local!.split(':')[1]!, 16) === emulator.port)
      .map(([, local]) => local!.split(':')[0]!)
      .map((hex) => (hex.length === 8 ? Buffer.from(hex, 'hex').reverse().join('.') : hex));
    expect(listening).toContain('127.0.0.1');
    for (const address of listening) expect(address).toMatch(/^(127\.|10\.)/);
    // No container publishes a port, on whatever address.
    const { stdout } = await promisify(execFile)('docker', [
      'ps',
      '--filter',
      `label=slipway.local=${emulator.port}`,
      '--format',
      '{{.Names}} {{.Ports}}',
    ]);
    expect(stdout.split('\n').filter((line) => line !== '').length).toBeGreaterThanOrEqual(4);
    expect(stdout).not.toContain('->');
  });

  test('on what was kept, with nothing changed, it provisions, builds, uploads, deploys and invalidates nothing', async () => {
    const before = lastRun();
    const { code } = await run([]);
    const { held, infrastructure, image, deployment, site, invalidated } = lastRun();
    expect({ code, held, infrastructure, deployment, site, invalidated }).toEqual({
      code: 0,
      held: true,
      infrastructure: 'unchanged',
      deployment: 'unchanged',
      site: 'unchanged: this very source is published',
      invalidated: 'nothing',
    });
    expect(image).toBe(String(before['image']).replace('(built)', '(reused)'));
  }, 300_000);

  test('--down leaves nothing behind', async () => {
    expect((await run(['--down'])).code).toBe(0);
    expect((await daemonAnswers()) ? await leftovers() : '').toBe('');
  }, 120_000);

  test('Ctrl-C in the middle of a deployment stops everything', async () => {
    const { code } = await run([], /Backend \| Read the stacks/);
    expect(code).toBe(130);
    expect((await daemonAnswers()) ? await leftovers() : '').toBe('');
  }, 300_000);

  test('words it does not know are refused before anything starts', async () => {
    const { code, said } = await run(['--kep']);
    expect(code).toBe(2);
    expect(said).toContain('Unknown: --kep');
  });
});

describe('the bundle of build-push-image, with a real daemon', () => {
  let aws: Emulator;
  let scratch: string;

  beforeAll(async () => {
    await prepare(console.log, { docker: true });
    aws = await startEmulator();
    scratch = await mkdtemp(join(tmpdir(), 'slipway-build-test-'));
    await mkdir(join(scratch, 'temp'));
    await mkdir(join(scratch, 'app'));
    await writeFile(join(scratch, 'app/Dockerfile'), 'FROM scratch\nCOPY hello /\n');
    await writeFile(join(scratch, 'app/hello'), 'one');
  }, 600_000);
  afterAll(async () => {
    await aws.stop();
    await rm(scratch, { recursive: true, force: true });
  }, 60_000);

  const build = (inputs: Readonly<Record<string, string>> = {}): Promise<ActionRun> =>
    spawnAction('build-push-image', {
      inputs: { repository: 'e2e', registry: aws.registry, context: 'app', tags: 'v1', ...inputs },
      env: { ...aws.env, RUNNER_TEMP: join(scratch, 'temp') },
      cwd: scratch,
    });
  let first: ActionRun;

  test('a dry run creates nothing', async () => {
    const { exitCode, outputs } = await build({ 'dry-run': 'true' });
    expect({ exitCode, outcome: outputs['outcome'], changed: outputs['changed'] }).toEqual({
      exitCode: 0,
      outcome: 'planned',
      changed: 'false',
    });
    expect((await build({ 'create-repository': 'false' })).output).toContain('RepositoryMissing');
  }, 60_000);

  test('builds, pushes, and hands on the digest that the registry has', async () => {
    first = await build();
    expect(first.exitCode).toBe(0);
    expect(first.outputs).toMatchObject({
      outcome: 'built',
      changed: 'true',
      tags: 'v1',
      image: `${aws.registry}/e2e@${first.outputs['digest']}`,
    });
    const manifest = await fetch(`http://${aws.registry}/v2/e2e/manifests/v1`, {
      headers: {
        authorization: `Basic ${Buffer.from('AWS:any').toString('base64')}`,
        accept: 'application/vnd.docker.distribution.manifest.v2+json',
      },
    });
    expect(manifest.headers.get('docker-content-digest')).toBe(first.outputs['digest']);
    expect(await readdir(join(scratch, 'temp'))).toEqual([]);
  }, 120_000);

  test('the same content under a new tag is the same image, without a build', async () => {
    const { outputs } = await build({ tags: 'v2' });
    expect(outputs).toMatchObject({
      outcome: 'reused',
      changed: 'true',
      digest: first.outputs['digest'],
      'source-hash': first.outputs['source-hash'],
    });
    expect((await build({ tags: 'v2' })).outputs).toMatchObject({ outcome: 'reused', changed: 'false' });
  }, 60_000);

  test('one changed byte is another image', async () => {
    await writeFile(join(scratch, 'app/hello'), 'two');
    const { outputs } = await build({ tags: 'v3' });
    expect(outputs['outcome']).toBe('built');
    expect(outputs['digest']).not.toBe(first.outputs['digest']);
  }, 120_000);

  test('built into an archive without AWS, pushed from it elsewhere: the same digest discipline, and nothing built twice', async () => {
    await writeFile(join(scratch, 'app/hello'), 'three');
    const archive = join(scratch, 'image.tar');
    const offline = await spawnAction('build-push-image', {
      inputs: { mode: 'archive', archive, repository: 'e2e', context: 'app' },
      env: { RUNNER_TEMP: join(scratch, 'temp') },
      cwd: scratch,
    });
    expect({ code: offline.exitCode, ...offline.outputs }).toMatchObject({
      code: 0,
      outcome: 'built',
      changed: 'false',
    });
    const check = await build({ tags: 'v5', 'dry-run': 'true' });
    expect(check.outputs).toMatchObject({ reusable: 'false', 'source-hash': offline.outputs['source-hash'] });
    const pushed = await build({ tags: 'v5', archive });
    expect(pushed.outputs).toMatchObject({
      outcome: 'built',
      changed: 'true',
      'source-hash': offline.outputs['source-hash'],
    });
    expect((await build({ tags: 'v5', 'dry-run': 'true' })).outputs['reusable']).toBe('true');
    await rm(archive);
    expect((await build({ tags: 'v6', archive })).outputs).toMatchObject({
      outcome: 'reused',
      digest: pushed.outputs['digest'],
    });
    await writeFile(join(scratch, 'app/hello'), 'four');
    const missing = await build({ tags: 'v7', archive });
    expect(missing.exitCode).toBe(1);
    expect(missing.output).toContain('ArchiveMissing');
  }, 120_000);

  test('a failing build is red, says where, and leaves no registry password behind', async () => {
    await writeFile(join(scratch, 'app/Dockerfile'), 'FROM python:3.11-slim\nRUN echo "::error::not mine" && exit 3\n');
    const { exitCode, output, outputs } = await build({ tags: 'v4' });
    expect(exitCode).toBe(1);
    expect(output).toMatch(/exit 3|code: 3/);
    expect(output).not.toMatch(/^::error::not mine/m);
    expect(outputs['digest'] ?? '').toBe('');
    expect(await readdir(join(scratch, 'temp'))).toEqual([]);
  }, 120_000);

  test('after a killed step, post removes the registry password', async () => {
    const left = join(scratch, 'temp/slipway-docker-left');
    await mkdir(left);
    await spawnAction('build-push-image', { inputs: {}, env: { STATE_post: 'true', 'STATE_docker-config': left } });
    expect(await readdir(join(scratch, 'temp'))).toEqual([]);
  });
});

deployEcsCases();
privilegeCases();
