import { describe, expect, test } from '@jest/globals';
import { builderFiles, daemonFiles } from '../../../actions/build-push-image/src/program-files.ts';
import type { Program } from '../../../actions/build-push-image/src/started-programs.ts';
import { arm64, fakePipe, script, x86, type Files } from './image-kit.ts';

const env = { DOCKER_CONFIG: '/private' };
const at = (word: string, ...paths: readonly string[]): Program => ({ word, paths: paths.length > 0 ? paths : [word] });
const files: Files = {
  '/app/server': x86,
  '/usr/bin/node': arm64,
  '/bin/node': x86,
  '/usr/bin/env': x86,
  '/data': 'directory',
  '/run.sh': script('#!/bin/sh'),
};
const node = at('node', '/usr/local/bin/node', '/usr/bin/node', '/bin/node');

describe('in the daemon', () => {
  const open = (over: { readonly platform?: string } = {}) => {
    const fake = fakePipe(() => files);
    const image = { name: 'host/app:src-1', platform: over.platform };
    return { ...fake, files: daemonFiles(image, 'slipway-1', { pipe: fake.pipe, env, timeoutMs: 7_000 }) };
  };

  test('a container that is never started lends the files, and is removed with its volumes', async () => {
    const { files: lent, asked, containers } = open();
    const found = await lent.heads([at('/app/server'), node, at('/nope'), at('/data')]);
    expect(found).toEqual([
      { path: '/app/server', head: Buffer.from(x86) },
      { path: '/usr/bin/node', head: Buffer.from(arm64) },
      undefined,
      undefined,
    ]);
    expect(await lent.heads([at('/run.sh')])).toHaveLength(1);
    await lent.close();
    const lines = asked.map(({ line }) => line);
    expect(lines[0]).toBe('create --name slipway-1 host/app:src-1');
    expect(lines.filter((line) => line.startsWith('create'))).toHaveLength(1);
    expect(lines).toContain('cp --follow-link slipway-1:/app/server -');
    expect(lines.at(-1)).toBe('rm --force --volumes slipway-1');
    expect(lines.some((line) => /^(start|run|exec)/.test(line))).toBe(false);
    expect(containers.size).toBe(0);
    expect(asked.every((one) => one.env['DOCKER_CONFIG'] === '/private')).toBe(true);
  });

  test('of several platforms the one', async () => {
    const { files: lent, asked } = open({ platform: 'linux/arm64' });
    await lent.heads([at('/app/server')]);
    expect(asked[0]?.line).toBe('create --name slipway-1 --platform linux/arm64 host/app:src-1');
  });

  test('what is only not executable on the search path is passed over', async () => {
    const fake = fakePipe(() => ({ '/usr/bin/node': script('notes'), '/bin/node': x86 }), { '/usr/bin/node': 0o644 });
    const lent = daemonFiles({ name: 'x', platform: undefined }, 'c', { pipe: fake.pipe, env, timeoutMs: 7_000 });
    expect((await lent.heads([node]))[0]?.path).toBe('/bin/node');
  });

  test('no container, nothing to remove', async () => {
    const { files: lent, asked } = open();
    await lent.close();
    expect(asked).toEqual([]);
  });

  test.each([
    [
      'create',
      'Unable to find image locally\nError response from daemon: no such image\nRun --help',
      /^Error response/,
    ],
    ['cp', 'Cannot connect to the Docker daemon', /^Cannot connect/],
  ])('%s that fails is an error, and the container is removed', async (start, said, message) => {
    const { files: lent, failing, asked } = open();
    failing.set(start, said);
    await expect(lent.heads([at('/app/server')])).rejects.toThrow(message);
    await lent.close();
    expect(asked.at(-1)?.line).toMatch(/^rm /);
  });

  test('a container that cannot be removed is told', async () => {
    const { files: lent, failing } = open();
    failing.set('rm', 'Error response from daemon: device busy');
    await lent.heads([at('/app/server')]);
    await expect(lent.close()).rejects.toThrow('device busy');
    failing.set('rm', 'Error: No such container: slipway-1');
    await lent.close();
  });
});

describe('in a builder outside the daemon', () => {
  const image = { name: 'host/app@sha256:1', platform: 'linux/arm64' };
  const open = () => {
    const fake = fakePipe((platform, name) => (platform === 'linux/arm64' && name === image.name ? files : {}));
    return { ...fake, files: builderFiles(image, { pipe: fake.pipe, env, timeoutMs: 7_000 }) };
  };

  test('where all are where they should be, one build without a search copies them', async () => {
    const { files: lent, asked } = open();
    const python = at('node', '/usr/local/sbin/node', '/usr/bin/node', '/bin/node');
    const found = await lent.heads([at('/app/server'), python, at('/usr/bin/env')]);
    expect(found.map((file) => file?.path)).toEqual(['/app/server', '/usr/bin/node', '/usr/bin/env']);
    expect(asked.map(({ stdin }) => stdin)).toEqual([
      [
        'FROM host/app@sha256:1 AS image',
        'FROM scratch',
        'COPY --from=image /app/server /0/0/program',
        'COPY --from=image /usr/bin/node /1/0/program',
        'COPY --from=image /usr/bin/env /2/0/program',
        '',
      ].join('\n'),
    ]);
  });

  test('thoroughly, none is taken for granted', async () => {
    const { files: lent, asked } = open();
    const twice = at('node', '/usr/local/sbin/node', '/bin/node', '/usr/bin/node');
    expect((await lent.heads([twice], { isThorough: true }))[0]?.path).toBe('/bin/node');
    expect(asked).toHaveLength(1);
    expect(asked[0]?.stdin).toContain('COPY --from=image /usr/local/sbin/nod[e] /0/0/');
  });

  test('else one more searches for all that is asked for', async () => {
    const { files: lent, asked } = open();
    const found = await lent.heads([at('/app/server'), node, at('/usr/bin/env'), at('/usr/bin/absent')]);
    expect(found.map((file) => file?.path)).toEqual(['/app/server', '/usr/bin/node', '/usr/bin/env', undefined]);
    expect(found[1]?.head).toEqual(Buffer.from(arm64));
    expect(asked).toHaveLength(2);
    expect(asked[1]).toMatchObject({
      line: 'buildx build --progress=plain --provenance=false --sbom=false --platform linux/arm64 --output type=tar,dest=- -',
      env: { ...env, BUILDX_METADATA_PROVENANCE: 'disabled', BUILDX_NO_DEFAULT_ATTESTATIONS: '1' },
    });
    expect(asked[1]?.stdin).toBe(
      [
        'FROM host/app@sha256:1 AS image',
        ...['/usr/local/bin', '/usr/bin', '/bin'].map((path) => `WORKDIR ${path}`),
        'FROM scratch',
        'COPY --from=image /app/server /0/0/program',
        'COPY --from=image /usr/local/bin/nod[e] /1/0/',
        'COPY --from=image /usr/bin/nod[e] /1/1/',
        'COPY --from=image /bin/nod[e] /1/2/',
        'COPY --from=image /usr/bin/en[v] /2/0/',
        'COPY --from=image /usr/bin/absen[t] /3/0/',
        '',
      ].join('\n'),
    );
  });

  test('what is missing does not take the others along, and a directory is no program', async () => {
    const { files: lent, asked } = open();
    const found = await lent.heads([at('/app/server'), at('/app/absent'), at('/data')]);
    expect(found.map((file) => file?.path)).toEqual(['/app/server', undefined, undefined]);
    expect(asked).toHaveLength(4);
  });

  test.each(['/app/$HOME', '/app/a b', '/app/x\nRUN reboot', '/app/*', '/app/"x"', '/app/\\x', '/app/x#'])(
    'a name that means more than itself in a Dockerfile is not looked for: %j',
    async (path) => {
      const { files: lent, asked } = open();
      expect(await lent.heads([at(path), at('node', '/bin/node', `${path}/node`)])).toEqual([undefined, undefined]);
      expect(asked).toEqual([]);
    },
  );

  test.each([
    ['/usr/bin/g++', '/usr/bin/[g]++'],
    ['/usr/bin/python3.11', '/usr/bin/python3.1[1]'],
    ['/usr/bin/[', undefined],
    ['/bin/x-', '/bin/[x]-'],
  ])('%s as a pattern for itself: %s', async (path, pattern) => {
    const { files: lent, asked } = open();
    await lent.heads([at(path)]);
    expect(asked[1]?.stdin.split('\n').find((line) => line.startsWith('COPY'))).toBe(
      pattern === undefined ? undefined : `COPY --from=image ${pattern} /0/0/`,
    );
  });

  test('a build that fails otherwise is an error', async () => {
    const { files: lent, failing } = open();
    failing.set('buildx', '#1 transferring\nERROR: failed to solve: host/app@sha256:1: not found\n');
    await expect(lent.heads([at('/app/server')])).rejects.toThrow('host/app@sha256:1: not found');
    await lent.close();
  });
});
