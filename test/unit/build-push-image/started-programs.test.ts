import { expect, test } from '@jest/globals';
import type { ImageConfig } from '../../../actions/build-push-image/src/image-config.ts';
import { handedOn, interpreters, startedPrograms } from '../../../actions/build-push-image/src/started-programs.ts';
import { script, x86 } from './image-kit.ts';

const config = (over: Partial<ImageConfig> = {}): ImageConfig => ({
  platform: { os: 'linux', architecture: 'amd64', variant: undefined },
  entrypoint: [],
  cmd: [],
  env: ['PATH=/venv/bin:/bin'],
  workingDir: '/app',
  hasTriggers: false,
  ...over,
});
const started = (entrypoint: readonly string[], cmd: readonly string[] = []) =>
  startedPrograms(config({ entrypoint, cmd })).map(({ word }) => word);

test.each<[string, readonly string[], readonly string[], readonly string[]]>([
  ['a program', ['/app/server'], ['--port', '80'], ['/app/server']],
  ['a command alone', [], ['uvicorn', 'main:app'], ['uvicorn']],
  ['nothing', [], [], []],
  ['a shell form', [], ['/bin/sh', '-c', 'uvicorn main:app --port $PORT'], ['/bin/sh', 'uvicorn']],
  ['with exec', ['sh', '-c', 'exec node server.js'], [], ['sh', 'node']],
  ['with a variable set', ['sh', '-c', 'PORT=80 A=b exec node x'], [], ['sh', 'node']],
  ['flags of the shell', ['bash', '-ec', 'gunicorn app'], [], ['bash', 'gunicorn']],
  ['what a shell would make of a variable is not guessed', ['sh', '-c', '$RUN --now'], [], ['sh']],
  ['nor of a quoted word', ['sh', '-c', '"my program" x'], [], ['sh']],
  ['a shell with a script', ['sh', '/run.sh'], [], ['sh']],
  ['one init', ['/sbin/tini', '--', '/app/server'], [], ['/sbin/tini', '/app/server']],
  ['its options', ['tini', '-s', '-g', '--', 'gosu', 'app:app', 'redis-server'], [], ['tini', 'gosu', 'redis-server']],
  ['without --', ['dumb-init', 'node', 'x.js'], [], ['dumb-init', 'node']],
  ['an init and a command', ['/sbin/tini', '--'], ['python', 'x.py'], ['/sbin/tini', 'python']],
  ['env with variables', ['/usr/bin/env', 'A=1', 'B=2', 'node', 'x'], [], ['/usr/bin/env', 'node']],
  ['an init alone', ['tini', '--'], [], ['tini']],
  ['an emulator, which is there for the other architecture', ['/usr/bin/qemu-x86_64-static', '/app/server'], [], []],
])('%s: %j %j starts %j', (...[, entrypoint, cmd, words]) => expect(started(entrypoint, cmd)).toEqual(words));

test.each<[string, string, Partial<ImageConfig>, readonly string[]]>([
  ['a path', '/app/server', {}, ['/app/server']],
  ['a path that goes up', '/app/../bin/x', {}, ['/bin/x']],
  ['a relative path', './server', {}, ['/app/server']],
  ['in a directory that is given without a slash', 'bin/server', { workingDir: 'srv' }, ['/srv/bin/server']],
  ['without a directory', './server', { workingDir: '' }, ['/server']],
  ['a word', 'node', {}, ['/venv/bin/node', '/bin/node']],
  [
    'a search path with a relative and an empty directory',
    'node',
    { env: ['PATH=bin::/bin'] },
    ['/app/bin/node', '/bin/node'],
  ],
  [
    'no search path',
    'node',
    { env: ['LANG=C'] },
    ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].map((path) => `${path}/node`),
  ],
])('where it is looked for: %s', (...[, word, over, paths]) =>
  expect(startedPrograms(config({ ...over, cmd: [word] }))).toEqual([{ word, paths }]),
);

test('an endless search path is not searched to its end', () => {
  const env = [`PATH=${Array.from({ length: 500 }, (_, index) => `/bin${index}`).join(':')}`];
  expect(startedPrograms(config({ env, cmd: ['x'] }))[0]?.paths).toHaveLength(32);
});

test.each<[string, readonly string[] | undefined]>([
  ['#!/bin/sh\nexec "$@"\n', ['/bin/sh']],
  ['#! /usr/bin/env python3\nprint()', ['/usr/bin/env', 'python3']],
  ['#!/usr/bin/env -S node --no-warnings\n', ['/usr/bin/env', 'node']],
  ['#!/venv/bin/python', ['/venv/bin/python']],
  ['#!/bin/sh -e\r\n', ['/bin/sh']],
  ['#!\n', []],
  ['print("#!/bin/sh")', undefined],
])('%j is run by %j', (text, words) =>
  expect(interpreters(script(text), config())?.map(({ word }) => word)).toEqual(words),
);

test('a program is no script', () => expect(interpreters(x86, config())).toBeUndefined());

test.each<[string, readonly string[], readonly string[]]>([
  ['an entrypoint', ['/entry.sh'], ['gosu', 'node']],
  ['one behind an init', ['tini', '--', '/entry.sh'], ['gosu', 'node']],
  ['no entrypoint', [], []],
  ['an init: then the command is what is started', ['tini', '--'], []],
  ['what a shell was told to run', ['/bin/sh', '-c', '/run.sh'], []],
])('the command is handed on by %s: %j → %j', (...[, entrypoint, words]) => {
  const given = config({ entrypoint, cmd: ['gosu', 'app', 'node', 'x'] });
  expect(handedOn(given).map(({ word }) => word)).toEqual(words);
});
