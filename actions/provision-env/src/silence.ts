import type { Clock } from '../../../shared/core/clock.ts';

/** A minute without a line looks like a hang. */
const longMs = 30_000;

/** How long nothing was said. */
export class Silence {
  readonly #clock: Clock;
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  break(): void {
    this.#since = this.#clock.now();
  }

  get isLong(): boolean {
    return this.#clock.now() - this.#since > longMs;
  }
}
