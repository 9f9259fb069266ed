import { describe, expect, test } from '@jest/globals';
import { externalImages } from '../../../actions/build-push-image/src/dockerfile.ts';

const parse = (text: string, args: Readonly<Record<string, string>> = {}) =>
  externalImages(text, new Map(Object.entries(args)));

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
    expect(parse('FROM base-$TARGETARCH\nFROM python:${V}')).toMatchObject({
      images: [],
      unknown: ['base-$TARGETARCH', 'python:${V}'],
    });
  });

  test('continued lines, comments in between, another escape character, CRLF', () => {
    expect(parse('FROM \\\n# a comment\n\n  alpine:3 \\\n  AS base\nFROM base').images).toEqual(['alpine:3']);
    expect(parse('# escape=`\r\nFROM `\r\n alpine:3\r\nCOPY a \\\r\nFROM b\r\n').images).toEqual(['alpine:3', 'b']);
  });

  test('here-documents are text', () => {
    const text = "FROM a\nRUN <<EOF cat && <<-'X' cat\nFROM fake1\nEOF\nFROM fake2\n\tX\nFROM b";
    expect(parse(text).images).toEqual(['a', 'b']);
    // A shift is none, and an end that never comes hides nothing.
    expect(parse('FROM a\nRUN echo $((1<<2))\nFROM b').images).toEqual(['a', 'b']);
    expect(parse('FROM a\nRUN cat <<EOF\nFROM b').images).toEqual(['a', 'b']);
  });

  test('the frontend: from the top of the file, or from its build argument', () => {
    expect(parse('# syntax=docker/dockerfile:1\nFROM a').syntax).toBe('docker/dockerfile:1');
    expect(parse('\uFEFF#  Syntax = docker/dockerfile:1.9 \nFROM a').syntax).toBe('docker/dockerfile:1.9');
    expect(parse('FROM a\n# syntax=docker/dockerfile:1').syntax).toBeUndefined();
    expect(parse('# a comment\n# syntax=docker/dockerfile:1\nFROM a').syntax).toBeUndefined();
    expect(parse('# syntax=a\nFROM a', { BUILDKIT_SYNTAX: 'b' }).syntax).toBe('b');
  });
});
