import { describe, expect, test } from '@jest/globals';
import { externalImages, type Reading } from '../../../actions/build-push-image/src/dockerfile.ts';

const parse = (text: string, args: Readonly<Record<string, string>> = {}, over: Partial<Reading> = {}) =>
  externalImages(text, {
    buildArgs: new Map(Object.entries(args)),
    contexts: new Set(),
    target: undefined,
    platforms: [],
    nativePlatform: 'linux/amd64',
    ...over,
  });

describe('images a Dockerfile takes from outside', () => {
  test('FROM, COPY --from and RUN --mount, but neither stages, stage numbers nor scratch', () => {
    const text = `
FROM --platform=$BUILDPLATFORM node:24 AS Build
RUN --mount=type=cache,target=/x --mount=type=bind,from=busybox:1,target=/b true
FROM python:3.11-slim
COPY --from=build /a /a
COPY --chown=1:1 --from=0 /a /a
copy --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/
FROM build AS test
FROM scratch`;
    expect(parse(text)).toEqual({
      images: ['node:24', 'busybox:1', 'python:3.11-slim', 'ghcr.io/astral-sh/uv:0.9'],
      syntax: undefined,
      unknown: [],
      stages: new Set(['build', 'test']),
      fetched: [],
    });
  });

  test.each([
    ['ARG V=3.11\nFROM python:$V', {}, ['python:3.11']],
    ['ARG V=3.11\nFROM python:${V}-slim', { V: '3.12' }, ['python:3.12-slim']],
    ['ARG V\nFROM python:${V:-3.10}', {}, ['python:3.10']],
    ['ARG V=\nFROM python:${V:-3.10}', {}, ['python:3.10']],
    ['ARG V=\nFROM python${V-x}', {}, ['python']],
    ['ARG D=1\nFROM app${D:+-debug}', {}, ['app-debug']],
    ['ARG A=a B="b c"\nARG C=$A\nFROM x/$C', {}, ['x/a']],
    ['ARG V="3.11"\nFROM "python:${V}"', {}, ['python:3.11']],
    // Only what is declared before the first FROM counts there.
    ['FROM a\nARG V=9\nFROM b:${V:-1}', {}, ['a', 'b:1']],
    // A build argument that no ARG declares changes nothing.
    ['FROM b:${V:-1}', { V: '2' }, ['b:1']],
  ])('%j with %j', (text, args, images) => {
    expect(parse(text, args as Record<string, string>)).toMatchObject({ images, unknown: [] });
  });

  test('what cannot be told is said', () => {
    expect(parse('ARG BASE\nFROM $BASE-slim\nFROM python:${V}')).toMatchObject({
      images: [],
      unknown: ['$BASE-slim', 'python:${V}'],
    });
  });

  test('what BuildKit itself knows of platforms, for each that is built for', () => {
    const text = [
      'ARG TARGETARCH',
      'FROM --platform=$BUILDPLATFORM golang AS base-amd64',
      'FROM golang AS base-arm64',
      'FROM base-$TARGETARCH$TARGETVARIANT',
      'COPY --from=tools/${TARGETOS}_${TARGETARCH}:${BUILDARCH} /a /a',
      'FROM run-$TARGETSTAGE',
    ].join('\n');
    const platforms = ['linux/amd64', 'linux/arm64/v8', 'linux/arm/v6'];
    const images = (over: Partial<Reading>, args = {}) => parse(text, args, over).images;
    expect(images({})).toEqual(['golang', 'tools/linux_amd64:amd64', 'run-default']);
    expect(images({ nativePlatform: 'linux/arm64' })).toEqual(['golang', 'tools/linux_arm64:arm64', 'run-default']);
    expect(images({ platforms, target: 'x' })).toEqual([
      'golang',
      'tools/linux_amd64:amd64',
      'run-x',
      'tools/linux_arm64:amd64',
      'base-armv6',
      'tools/linux_arm:amd64',
    ]);
    expect(images({}, { TARGETARCH: 'mine' })).toContain('base-mine');
    expect(parse('FROM base-$TARGETARCH', { TARGETARCH: 'mine' }).images).toEqual(['base-mine']);
  });

  test('a stage is known from where it begins, on every platform anew', () => {
    const text = 'FROM a-$TARGETARCH\nFROM ubuntu AS a-arm64\nFROM a-arm64';
    const platforms = ['linux/amd64', 'linux/arm64'];
    expect(parse(text, {}, { platforms }).images).toEqual(['a-amd64', 'ubuntu', 'a-arm64']);
  });

  test('what ONBUILD puts off for a later stage', () => {
    expect(parse('FROM a AS b\nONBUILD COPY --from=c:1 / /\nONBUILD RUN <<E\nFROM x\nE\nFROM b').images).toEqual([
      'a',
      'c:1',
    ]);
  });

  test('a named context takes the place of an image or of a whole stage', () => {
    const contexts = new Set(['python:3.11-slim', 'assets', 'alpine', 'localhost:5000/x']);
    const text = `
FROM node:24 AS Assets
COPY --from=builder:1 /a /a
FROM docker.io/library/python:3.11-slim AS run
COPY --from=assets /dist /dist
RUN --mount=type=bind,from=alpine:latest,target=/x true
COPY --from=busybox / /
FROM localhost:5000/x:latest
FROM localhost:5000/x:1`;
    expect(parse(text, {}, { contexts }).images).toEqual(['busybox', 'localhost:5000/x:1']);
    expect(parse('FROM python:$V', { V: '3.11-slim' }, { contexts })).toMatchObject({ unknown: ['python:$V'] });
    expect(parse('ARG V\nFROM python:$V', { V: '3.11-slim' }, { contexts })).toMatchObject({ images: [], unknown: [] });
  });

  test.each([
    ['ADD https://example.com/a.tar.gz /', ['https://example.com/a.tar.gz']],
    ['ADD ["https://example.com/a b", "http://example.com/b", "/"]', ['https://example.com/a', 'http://example.com/b']],
    ['ADD --chown=1 git@github.com:your-org/x.git#main /', ['git@github.com:your-org/x.git#main']],
    ['ADD https://github.com/your-org/x.git#deadbeef /', ['https://github.com/your-org/x.git#deadbeef']],
    ['ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://e.com/a /', []],
    [`ADD https://github.com/your-org/x.git#${'0a'.repeat(20)} /`, []],
    ['ADD a.tar.gz me@example.com /\nCOPY https://example.com/x /\nRUN curl https://example.com/x', []],
  ])('what ADD fetches is no part of the source: %s', (line, fetched) => {
    expect(parse(`FROM a\n${line}`).fetched).toEqual(fetched);
  });

  test('continued lines, comments in between, another escape character, CRLF', () => {
    expect(parse('FROM \\\n# a comment\n\n  alpine:3 \\\n  AS base\nFROM base').images).toEqual(['alpine:3']);
    expect(parse('# escape=`\r\nFROM `\r\n alpine:3\r\nCOPY a \\\r\nFROM b\r\n').images).toEqual(['alpine:3', 'b']);
  });

  test('white space is what Go takes for it', () => {
    expect(parse('FROM scratch\n\\\n\u0085FROM evil:1\n').images).toEqual(['evil:1']);
    expect(parse('FROM a:1\u0085\n').images).toEqual(['a:1']);
  });

  test('here-documents are text', () => {
    const text = "FROM a\nRUN <<EOF cat && <<-'X' cat\nFROM fake1\nEOF\nFROM fake2\n\tX\nFROM b";
    expect(parse(text).images).toEqual(['a', 'b']);
    // A shift is none, and an end that never comes hides nothing.
    expect(parse('FROM a\nRUN echo $((1<<2))\nFROM b').images).toEqual(['a', 'b']);
    expect(parse('FROM a\nRUN cat <<EOF\nFROM b').images).toEqual(['a', 'b']);
  });

  test.each([
    ['RUN --mount=type=bind,"from=IMG",target=/m true'],
    [`RUN --mount='type=bind,"from=IMG",target=/m' true`],
    ['RUN --mount=type=bind,FROM=IMG,target=/m true'],
    ['RUN --mount=type=bind,source="a b",from=IMG,target=/m true'],
    ['RUN --mount=type=bind,source=a\\ b,from=IMG true'],
    [`RUN --network=none '--mount=no' --mount=from=IMG true`, false],
    ['RUN --network=none --"mount"=from=IMG true'],
    [`RUN --mount='"type=bind","source=a"",b",from=IMG' true`],
    ['RUN --mount=from=IMG \\\n # a comment\n\n true'],
    ['RUN echo "cat <<EOF" > /s\nCOPY --from=IMG / /\nRUN <<EOF\nx\nEOF'],
    ['RUN echo foo\\\\\nCOPY --from=IMG / /'],
    ["COPY --'from'=IMG / /"],
    ['COPY --fr\\\nom=IMG / /'],
    ['FROM "IMG"'],
    ['FROM \\IMG'],
    ['RUN echo --mount=from=IMG', false],
    ['RUN echo "<<EOF\nCOPY --from=IMG / /\nEOF'],
  ])('as BuildKit reads it: %s', (line, isNamed = true) => {
    const [dockerfile, images] = [`FROM a\n${line}`.replaceAll('IMG', 'img:1'), isNamed ? ['a', 'img:1'] : ['a']];
    expect(parse(dockerfile)).toMatchObject({ images, unknown: [] });
  });

  test.each([
    ['COPY --form=b / /', '--form=b'],
    ['COPY --from / /', '--from'],
    ['ADD --from=b / /', '--from=b'],
    ['RUN --Mount=from=b x', '--Mount=from=b'],
    ['RUN --mount x', '--mount'],
    [`RUN --mount='a"b,from=c' x`, '--mount=a"b,from=c'],
    [`RUN --mount='"from=b' x`, '--mount="from=b'],
    [`RUN --mount='"from=b"c' x`, '--mount="from=b"c'],
    ['FROM --from=b c', '--from=b'],
  ])('a flag that nobody knows may name an image: %s', (line, flag) => {
    expect(parse(`FROM a\n${line}`).unknown).toEqual([flag]);
  });

  test('the context by its name of nothing is no image', () => {
    expect(parse('FROM a\nCOPY --from= / /\nRUN --mount=from=,target=/x true')).toMatchObject({
      images: ['a'],
      unknown: [],
    });
  });

  test.each([
    ['ARG V="a b" W=\'c\'\nFROM x:$W', ['x:c'], []],
    ['ARG V=a\\ b W=c\nFROM x:$W', ['x:c'], []],
    ['ARG V="a\\" W=b" W=c\nFROM x:$W', ['x:c'], []],
    ['ARG V=1.2\nFROM x:${V#1.}', [], ['x:${V#1.}']],
    ['ARG V=1.2\nFROM x:${V/1/2}', [], ['x:${V/1/2}']],
    ['ARG V=1.2\nFROM x:${V:?}', [], ['x:${V:?}']],
    ['ARG V=1\nARG W=${V%1}\nFROM x:${W:-2}', [], ['x:${W:-2}']],
    ['ARG V=1\nARG W=${V%1}\nFROM x:${W:+2}', [], ['x:${W:+2}']],
    ['ARG V=1\nFROM x:${U:-$V}', ['x:1'], []],
    ['ARG V=1\nFROM x:${V:-$U}', ['x:1'], []],
    ["FROM x:'$V", [], ["x:'$V"]],
    ['FROM x:${V', [], ['x:${V']],
  ])('variables: %j', (text, images, unknown) => {
    expect(parse(text)).toMatchObject({ images, unknown });
  });

  test('the frontend: from the top of the file, or from its build argument', () => {
    expect(parse('# syntax=docker/dockerfile:1\nFROM a').syntax).toBe('docker/dockerfile:1');
    expect(parse('\uFEFF#  Syntax = docker/dockerfile:1.9 \nFROM a').syntax).toBe('docker/dockerfile:1.9');
    expect(parse('FROM a\n# syntax=docker/dockerfile:1').syntax).toBeUndefined();
    expect(parse('# a comment\n# syntax=docker/dockerfile:1\nFROM a').syntax).toBeUndefined();
    expect(parse('# syntax=a\nFROM a', { BUILDKIT_SYNTAX: 'b' }).syntax).toBe('b');
    expect(parse('#!/usr/bin/env dockerfile\n# check=error=true\n# syntax=a/dockerfile:1 --x\nFROM a').syntax).toBe(
      'a/dockerfile:1',
    );
    expect(parse('# syntax=a\n# syntax=b\nFROM a').syntax).toBe('a');
    // As docker reads it: only what it knows, from the first column.
    for (const top of ['# maintainer=me', ' # escape=`', '## escape=`']) {
      expect(parse(`${top}\n# syntax=docker/dockerfile:1\nFROM a`).syntax).toBeUndefined();
    }
  });

  test('a language of which nobody here knows what it takes from where', () => {
    const known = [
      'docker/dockerfile:1',
      'docker/dockerfile-upstream:master',
      `x.example/hub/docker/dockerfile@sha256:${'a'.repeat(64)}`,
    ];
    for (const syntax of known) expect(parse(`# syntax=${syntax}\nFROM a`)).toMatchObject({ syntax, unknown: [] });
    const foreign = ['# syntax=x/dockerfile-x\nFROM a', '// syntax=x/dockerfile-x', '{"syntax":"x/dockerfile-x"}'];
    for (const text of foreign) {
      expect(parse(text)).toMatchObject({
        syntax: 'x/dockerfile-x',
        unknown: ['an image named in the language of x/dockerfile-x'],
      });
    }
    expect(parse('{"syntax":1}').syntax).toBeUndefined();
    expect(parse('{FROM a').syntax).toBeUndefined();
  });
});
