import { describe, test } from '@jest/globals';
import type { Skipped } from '../local/go-programs.ts';

/** A `describe`; where it cannot be, one skipped test whose title says why: those titles are printed at the end of a run. */
export function describeWith<T extends object>(found: T | Skipped, title: string, body: (found: T) => void): void {
  if ('skipped' in found) test.skip(`${title}: ${found.skipped}`, () => undefined);
  else {
    describe(title, () => {
      body(found);
    });
  }
}
