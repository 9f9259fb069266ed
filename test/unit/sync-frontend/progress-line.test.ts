import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { progressLine } from '../../../actions/sync-frontend/src/progress-line.ts';

const MB = 1_000_000;
test.each([
  // Large files: as their bytes go.
  [[1, 4, 20 * MB, 60 * MB, 2_000], 'sending: 1 of 4 files, 20.0 MB of 60.0 MB, 10.0 MB/s, about 4 s left'],
  // Small ones: as their number goes.
  [
    [500, 20_000, 1 * MB, 60 * MB, 2_500],
    'sending: 500 of 20,000 files, 1.0 MB of 60.0 MB, 200 files/s, about 1 min 38 s left',
  ],
  [[3, 20, 0, 0, 2_000], 'sending: 3 of 20 files, 1.5 files/s, about 12 s left'],
  // Nothing to go by yet.
  [[1, 4, 20 * MB, 60 * MB, 999], 'sending: 1 of 4 files, 20.0 MB of 60.0 MB'],
  [[0, 4, 0, 60 * MB, 9_000], 'sending: 0 of 4 files, 0 B of 60.0 MB'],
  [[4, 4, 60 * MB, 60 * MB, 9_000], 'sending: 4 of 4 files, 60.0 MB of 60.0 MB, 6.7 MB/s, about 0 s left'],
] as const)('%j', ([done, total, bytes, totalBytes, elapsedMs], line) => {
  expect(progressLine({ what: 'sending', done, total, bytes, totalBytes, elapsedMs })).toBe(line);
});

test('never says what is no number', () => {
  const advance = fc.record({
    what: fc.constant('x'),
    done: fc.nat(),
    total: fc.nat(),
    bytes: fc.nat(),
    totalBytes: fc.nat(),
    elapsedMs: fc.nat(),
  });
  fc.assert(fc.property(advance, (given) => expect(progressLine(given)).not.toMatch(/NaN|Infinity|undefined|-\d/)));
});
