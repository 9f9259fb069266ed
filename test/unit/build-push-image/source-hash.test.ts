import { expect, test } from '@jest/globals';
import { sourceHash, sourceTags, type BuildSource } from '../../../actions/build-push-image/src/source-hash.ts';
import { inputs } from './kit.ts';

const base = { name: 'python:3.11-slim', identity: 'sha256:1', from: 'registry' } as const;
const source: BuildSource = {
  dockerfile: new TextEncoder().encode('FROM python:3.11-slim\n'),
  contextSha256: 'c',
  bases: [base],
  syntax: undefined,
  nativePlatform: 'linux/amd64',
};
const given = {
  'build-args': 'A=1\nB=2',
  labels: 'team=x\norg.opencontainers.image.revision=1',
  secrets: 'npm=hunter2',
  platforms: '',
};
const hash = sourceHash(inputs(given), source);

test.each([
  ['a build argument', { 'build-args': 'A=1\nB=3' }, {}],
  ['a target', { target: 'runtime' }, {}],
  ['a label', { labels: 'team=y' }, {}],
  ['another secret id', { secrets: 'pip=hunter2' }, {}],
  ['a platform', { platforms: 'linux/arm64' }, {}],
  ['provenance', { provenance: 'min' }, {}],
  ['an SBOM', { sbom: 'true' }, {}],
  ['the Dockerfile', {}, { dockerfile: new TextEncoder().encode('FROM python:3.11-slim') }],
  ['a Dockerfile of other bytes that read the same', {}, { dockerfile: new Uint8Array([0xff]) }],
  ['the context', {}, { contextSha256: 'd' }],
  ['a base image that moved', {}, { bases: [{ ...base, identity: 'sha256:2' }] }],
  ['a frontend', {}, { syntax: { ...base, name: 'docker/dockerfile:1' } }],
  ['the builder’s own platform', {}, { nativePlatform: 'linux/arm64' }],
])('%s changes the hash', (_, values, changes) => {
  expect(sourceHash(inputs({ ...given, ...values }), { ...source, ...changes })).not.toBe(hash);
});

test.each([
  ['tags', { tags: 'latest' }, {}],
  ['a secret’s value', { secrets: 'npm=other' }, {}],
  ['where a secret comes from', { secrets: '', 'secret-files': 'npm=./file' }, {}],
  ['the revision label', { labels: 'team=x\norg.opencontainers.image.revision=2' }, {}],
  ['the order of arguments', { 'build-args': 'B=2\nA=1' }, {}],
  ['the cache, force and the scan', { cache: 'none', force: 'true', scan: 'high' }, {}],
  ['the native platform, named', { platforms: 'linux/amd64' }, {}],
  ['who told the identity', {}, { bases: [{ ...base, from: 'daemon' as const }] }],
])('%s do not', (_, values, changes) => {
  expect(sourceHash(inputs({ ...given, ...values }), { ...source, ...changes })).toBe(hash);
});

test('bytes that decode alike are not alike', () => {
  const of = (byte: number): string => sourceHash(inputs(), { ...source, dockerfile: new Uint8Array([byte]) });
  expect(of(0xfe)).not.toBe(of(0xff));
});

test('it is written down: whoever changes it raises the version, or every image is built anew', () => {
  expect(hash).toBe('b93d12cbdf1cb19137325f20420b4fafd69ca5932ceb07d1e3f0280121f5858b');
});

test('tags of a source', () => {
  const tags = sourceTags(hash);
  expect(tags.slice(0, 3)).toEqual([`src-${hash}`, `src-${hash}-2`, `src-${hash}-3`]);
  expect(new Set(tags).size).toBe(20);
  expect(tags.every((tag) => /^\w[\w.-]{0,127}$/.test(tag))).toBe(true);
});
