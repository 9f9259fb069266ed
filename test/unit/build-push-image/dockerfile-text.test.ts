import { describe, expect, test } from '@jest/globals';
import { platformWarnings } from '../../../actions/build-push-image/src/foreign-platforms.ts';
import { readDockerfile, stageNames } from '../../../actions/build-push-image/src/dockerfile-text.ts';
import { requireBuildable } from '../../../actions/build-push-image/src/preflight.ts';
import { buildx, inputs, observed } from './kit.ts';

const lines = (text: string) =>
  readDockerfile(text).instructions.map(({ name, startLine, endLine }) => `${name} ${startLine}-${endLine}`);

describe('where the instructions of a Dockerfile are', () => {
  test('comments, blank lines, continued lines, here-documents', () => {
    const text = [
      '# syntax=docker/dockerfile:1',
      '',
      'FROM a AS b',
      '# a comment',
      'run one && \\',
      '  # in between',
      '',
      '  two',
      'COPY <<one <<-"two" /x/',
      'RUN no',
      'one',
      '\ttwo',
      'RUN <<never',
      'CMD x',
    ];
    const found = ['FROM 3-3', 'RUN 5-8', 'COPY 9-12', 'RUN 13-13', 'CMD 14-14'];
    expect(lines(text.join('\n'))).toEqual(found);
    expect(lines(`\uFEFF${text.join('\r\n')}`)).toEqual(found);
  });

  test('another escape character', () => {
    for (const top of ['# escape=`', '  # escape = `', '# syntax=x\n#escape=`']) {
      const above = top.split('\n').length;
      expect(lines(`${top}\nRUN a \`\n b\nRUN c \\\nRUN d`)).toEqual(
        [`RUN 1-2`, 'RUN 3-3', 'RUN 4-4'].map((text) => text.replace(/\d/g, (line) => String(Number(line) + above))),
      );
    }
    // Below a comment it is a comment, and so it is below a first line for the shell.
    for (const top of ['# a', '#!/usr/bin/docker']) {
      expect(lines(`${top}\n# escape=\`\nRUN c \\\nRUN d`)).toEqual(['RUN 3-4']);
    }
  });

  test('a file that ends in the middle', () => {
    expect(lines('FROM a\nRUN b \\')).toEqual(['FROM 1-1', 'RUN 2-2']);
    expect(lines('')).toEqual([]);
  });

  test('only a single escape character, with nothing but blanks after it, joins lines; as they are', () => {
    expect(lines('RUN a\\\\\nRUN b\\ \t\nRUN c\nRUN d\\\v\nRUN e')).toEqual([
      'RUN 1-1',
      'RUN 2-3',
      'RUN 4-4',
      'RUN 5-5',
    ]);
    expect(lines('\\\nFRO\\\nM a')).toEqual(['FROM 1-3']);
    expect(lines('# a comment \\\nRUN a \\\n#b \\\n  \nRUN b')).toEqual(['RUN 2-5']);
    expect(lines('# escape=`\nRUN a``\nRUN b`\nc')).toEqual(['RUN 2-2', 'RUN 3-4']);
  });

  test.each([
    ['RUN cat <<E', true],
    ['RUN cat 3<<E', true],
    ['RUN cat <<-E', true],
    ['RUN cat << E', true],
    ['RUN cat <<"E"', true],
    [String.raw`RUN cat <<\E`, true],
    ['ONBUILD COPY <<E /x', true],
    ['ADD --link <<E /x', true],
    ['RUN [ a ] <<E', true],
    ['RUN a=${b:0:1} <<E', true],
    ['RUN echo "a\\" b" <<E', true],
    ['RUN echo "<<E"', false],
    ["RUN echo '<<E'", false],
    [String.raw`RUN echo \<<E`, false],
    ['RUN cat<<E', false],
    ['RUN cat <<<E', false],
    ['RUN echo $((1<<E))', false],
    ["RUN echo it's <<E", false],
    ['RUN echo ${ <<E', false],
    ['RUN echo <<E<', false],
    ['RUN ["<<E", "<<E"]', false],
    ['CMD <<E', false],
  ])('%s opens a here-document: %j', (first, isOpened) => {
    expect(lines(`${first}\nFROM a\nE\nFROM b`)).toHaveLength(isOpened ? 2 : 4);
  });

  test.each([
    ['COPY --from=a --link  b c', ['--from=a', '--link'], 'b c'],
    [`COPY --"from"='a' b c`, ['--from=a'], 'b c'],
    [String.raw`COPY --from=\a\  b c`, ['--from=a '], 'b c'],
    ['COPY -- --from=a b', [], '--from=a b'],
    ['COPY b --from=a', [], 'b --from=a'],
    ['COPY "--from=a" b', [], '"--from=a" b'],
    ['RUN --mount=type=bind,"source=a b,c",from=d e', ['--mount=type=bind,source=a b,c,from=d'], 'e'],
    ['onbuild run --network=none x', ['--network=none'], 'x'],
  ])('flags: %s', (line, flags, args) => {
    expect(readDockerfile(line).instructions).toMatchObject([{ flags, args }]);
  });

  test('stages by their names', () => {
    expect(stageNames('FROM --platform=$BUILDPLATFORM a AS Build\nFROM b\nfrom build as test\nRUN x AS y')).toEqual([
      'Build',
      'test',
    ]);
    // What docker refuses is none.
    expect(stageNames('FROM a AS "b"\nFROM a AS 1\nFROM a AS b c')).toEqual([]);
  });
});

describe('a target that the Dockerfile does not have', () => {
  const require = (dockerfile: string, target: string, syntax?: string) => {
    const { source } = observed();
    const frontend = syntax === undefined ? undefined : { name: syntax, identity: undefined, from: undefined };
    requireBuildable(inputs({ target }), { builder: buildx, source: { ...source, dockerfile, syntax: frontend } });
  };
  const two = 'FROM a AS build\nFROM b AS runtime\n';

  test('is refused, with the stages that there are', () => {
    expect(() => require(two, 'runtme')).toThrow('The Dockerfile has no stage "runtme".');
    try {
      require(two, 'runtme');
    } catch (error) {
      expect(error).toMatchObject({
        code: 'TargetMissing',
        hint: 'The stages of Dockerfile are "build", "runtime".',
      });
    }
    expect(() => require('FROM a\n', 'a')).toThrow(/no stage "a"/);
    // Neither builder takes a number for a name.
    expect(() => require(two, '0')).toThrow(/no stage "0"/);
    expect(() => require(two, 'x', 'docker/dockerfile:1.9')).toThrow(/no stage/);
    expect(() => require(two, 'x', `mirror.example/docker/dockerfile@sha256:${'1'.repeat(64)}`)).toThrow(/no stage/);
  });

  test('one that it has is not, in whatever case; nor what another frontend may mean, or a file without a stage', () => {
    for (const target of ['build', 'RUNTIME']) expect(() => require(two, target)).not.toThrow();
    expect(() => require(two, 'x', 'example/mopy')).not.toThrow();
    expect(() => require('# nothing\n', 'x')).not.toThrow();
  });
});

describe('platforms that the builder does not list', () => {
  const both = { platforms: 'linux/amd64\nlinux/arm64' };
  const warnings = (dockerfile: string, platforms: readonly string[] = ['linux/amd64', 'linux/386'], values = both) =>
    platformWarnings(inputs(values), { ...buildx, platforms }, dockerfile);

  test('are told where something would have to be run on them', () => {
    expect(warnings('FROM a\nRUN b\n')).toEqual([
      expect.stringMatching(/^The builder runs linux\/amd64, linux\/386; for linux\/arm64 .*setup-qemu-action/),
    ]);
    expect(warnings('FROM --platform=$BUILDPLATFORM a AS b\nRUN c\nFROM d\nRUN e')).toHaveLength(1);
  });

  test.each<[string, string, readonly string[] | undefined]>([
    ['with emulation', 'FROM a\nRUN b', ['linux/amd64', 'linux/arm64']],
    ['under its other name', 'FROM a\nRUN b', ['linux/amd64', 'linux/arm64/v8']],
    ['where nothing runs', 'FROM a\nCOPY b c', undefined],
    [
      'where all that runs does so on the builder’s own',
      'FROM --platform=$BUILDPLATFORM a AS b\nRUN c\nFROM d\nCOPY e f',
      undefined,
    ],
    ['where the builder does not say', 'FROM a\nRUN b', []],
  ])('are no matter %s', (_, dockerfile, platforms) => {
    expect(warnings(dockerfile, platforms)).toEqual([]);
  });
});
