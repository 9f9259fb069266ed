import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Builder } from '../../actions/build-push-image/src/builder.ts';
import { contextFiles } from '../../actions/build-push-image/src/context-files.ts';
import { contextRules } from '../../actions/build-push-image/src/context-rules.ts';
import { listTree } from '../../actions/build-push-image/src/context-tree.ts';
import { quickPlace } from '../kit/daemon.ts';
import { describeWith } from '../kit/describe-with.ts';
import { dockerPrograms, startDockerd } from '../kit/dockerd.ts';
import { must } from '../local/command.ts';

const classic: Builder = {
  kind: 'docker',
  driver: 'docker',
  version: '',
  platform: '',
  platforms: [],
  containerdStore: false,
};

/** The oracle: what `COPY . /x/` finds without BuildKit. */
describeWith(await dockerPrograms(), 'the kept files, by a docker without BuildKit', () => {
  let dockerd: Awaited<ReturnType<typeof startDockerd>>;
  let root: string;
  beforeAll(async () => {
    dockerd = await startDockerd();
  });
  afterAll(() => dockerd.stop());
  beforeEach(() => {
    root = mkdtempSync(join(quickPlace(), 'slipway-classic-'));
    for (const path of ['app/a', 'app/b', 'app/src/keep', 'app/src/deep/c', 'common']) write(path);
    chmodSync(join(root, 'app/src'), 0o700);
    chmodSync(join(root, 'app/src/deep'), 0o1777);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function write(path: string, text = path): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  async function check(file: string): Promise<readonly string[]> {
    write(file, 'FROM scratch\nCOPY . /x/\n');
    const inputs = { context: join(root, 'app'), file: join(root, file) };
    const entries = listTree(inputs.context, await contextRules(inputs, classic, contextFiles));
    const ours = entries.map(
      ({ path, type, mode }) => `${type} ${type === 'link' ? '' : (mode & 0o7777).toString(8)} ${path}`,
    );

    const docker = (...args: readonly string[]) => must('docker', args, { env: dockerd.env });
    const image = (await docker('build', '--quiet', '--file', inputs.file, inputs.context)).trim();
    const container = (await docker('create', image, 'x')).trim();
    const out = join(root, 'out');
    mkdirSync(out);
    await must('sh', ['-c', `docker cp ${container}:/x - | tar -x -p -C ${out}`], { env: dockerd.env });
    const kinds: Readonly<Record<string, string>> = { f: 'file', d: 'directory', l: 'link', p: 'other', c: 'other' };
    const found = (await must('find', [join(out, 'x'), '-mindepth', '1', '-printf', '%y %m %P\\n'])).trim().split('\n');
    const theirs = found.filter(Boolean).map((line) => {
      const [kind = '', mode = '', path = ''] = line.split(' ');
      return `${kinds[kind] ?? kind} ${kind === 'l' ? '' : mode} ${path}`;
    });
    expect(ours.toSorted()).toEqual(theirs.toSorted());
    return entries.map(({ path }) => path).sort();
  }

  test.each<readonly [ignore: string | undefined, file: string, kept: string]>([
    [undefined, 'app/Dockerfile', 'Dockerfile a b src src/deep src/deep/c src/keep'],
    ['a\nsrc/deep', 'app/Dockerfile', '.dockerignore Dockerfile b src src/keep'],
    ['*', 'app/Dockerfile', ''],
    ['.dockerignore\nDockerfile\nsrc', 'app/Dockerfile', 'a b'],
    // The directories on the way are made anew.
    ['*\n!src/deep/c', 'app/Dockerfile', 'src src/deep src/deep/c'],
    ['src\n!src/*', 'app/Dockerfile', '.dockerignore Dockerfile a b src src/deep src/deep/c src/keep'],
    ['src\n!src/**', 'app/Dockerfile', '.dockerignore Dockerfile a b src src/deep src/deep/c src/keep'],
    // Nothing is looked for where an exception begins with a wildcard …
    ['*\n!**/keep', 'app/Dockerfile', ''],
    // … unless the Dockerfile is there, which leaves its directory.
    ['src\nb', 'app/src/Dockerfile', '.dockerignore a src'],
    ['src\n!**/keep', 'app/src/Dockerfile', '.dockerignore a b src src/keep'],
    // One from elsewhere is sent under another name.
    ['b', 'Dockerfile', '.dockerignore a src src/deep src/deep/c src/keep'],
  ])('%j for %s', async (ignore, file, kept) => {
    if (ignore !== undefined) write('app/.dockerignore', ignore);
    // It knows no ignore file of the Dockerfile's own.
    writeFileSync(join(root, `${file}.dockerignore`), 'a');
    expect((await check(file)).filter((path) => !path.endsWith('Dockerfile.dockerignore')).join(' ')).toBe(kept);
  });

  test('links, pipes and modes are taken as they are, and a socket is left out', async () => {
    symlinkSync('/etc/passwd', join(root, 'app/link'));
    await must('mkfifo', ['-m', '640', join(root, 'app/pipe')]);
    chmodSync(join(root, 'app/b'), 0o711);
    const server = createServer().listen(join(root, 'app/socket'));
    await once(server, 'listening');
    try {
      expect(await check('app/Dockerfile')).not.toContain('socket');
    } finally {
      server.close();
    }
  });

  test('the ignore file may be a link to anywhere', async () => {
    write('common', 'a');
    symlinkSync('../common', join(root, 'app/.dockerignore'));
    expect(await check('app/Dockerfile')).not.toContain('a');
  });
});
