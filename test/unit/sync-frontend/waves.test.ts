import { describe, expect, test } from '@jest/globals';
import { inWaves, type KeepStep, type SendStep, type Stage } from '../../../actions/sync-frontend/src/plan-steps.ts';

const headers = { contentType: 'text/plain', cacheControl: 'no-cache' };
const send = (stage: Stage, path: string): SendStep => ({
  kind: 'headers',
  stage,
  path,
  size: 1,
  reason: 'headers',
  etag: 'e',
  headers,
});
const keep = (path: string): KeepStep => ({
  kind: 'keep',
  stage: 'keep',
  path,
  size: 1,
  reason: 'for a rollback',
  to: `.releases/bodies/${path}`,
  etag: 'e',
});
const names = (...steps: Parameters<typeof inWaves>[0]) =>
  inWaves(steps).map((wave) => wave.map(({ stage, path }) => `${stage} ${path}`));

describe('what is put aside goes', () => {
  test('beside the first stage, which overwrites none of it', () => {
    expect(
      names(
        keep('a.html'),
        keep('logo.png'),
        send('new-asset', 'x.js'),
        send('file', 'logo.png'),
        send('page', 'a.html'),
      ),
    ).toEqual([['keep a.html', 'keep logo.png', 'new-asset x.js'], ['file logo.png'], ['page a.html']]);
  });

  test('before it, where the first stage overwrites it', () => {
    expect(names(keep('logo.png'), keep('index.html'), send('file', 'logo.png'), send('index', 'index.html'))).toEqual([
      ['keep logo.png'],
      ['keep index.html', 'file logo.png'],
      ['index index.html'],
    ]);
  });

  test('alone, where nothing is sent', () => {
    expect(names(keep('gone.html'))).toEqual([['keep gone.html']]);
  });
});

test('every stage waits for the one before, in their order', () => {
  expect(
    names(send('index', 'index.html'), send('page', 'a.html'), send('new-page', 'b.html'), send('asset', 'x')),
  ).toEqual([['asset x'], ['new-page b.html'], ['page a.html'], ['index index.html']]);
  expect(names()).toEqual([]);
});
