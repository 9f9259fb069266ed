import type { Clock } from '../../../shared/core/clock.ts';

/** AWS throttles the reads of an account as a whole, so a deployment that is watched takes no more than this. */
const readsAMinute = 30;
const minute = 60_000;

/** A verdict is never older than this and the call that brings it. */
const steadyPause = 4_500;
/** A last look, and the first ones of the way back. */
const atTheEnd = 4;
/** A small service is up in seconds. */
const firstPauses = [700, 1_300, 2_000];

/** Milliseconds until the next look, by how many there were. */
export function pollInterval(polls: number): number {
  return firstPauses[polls] ?? steadyPause;
}

/** Counts the reads of the last minute: first come those that decide, what is left may go to those that explain. */
export class ReadBudget {
  readonly #clock: Clock;
  readonly #spent: number[] = [];
  #first: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  spend(): void {
    const now = this.#clock.now();
    this.#first ??= now;
    this.#spent.push(now);
  }

  /** As `pollInterval`, but without the first quick looks when the minute's reads are half spent. */
  pause(polls: number): number {
    return this.#left() > readsAMinute / 2 ? pollInterval(polls) : steadyPause;
  }

  /** True when that many reads leave enough for the looks that are to come within the minute. */
  mayGoAside(reads: number): boolean {
    const since = this.#clock.now() - (this.#first ?? this.#clock.now());
    // From the second minute on, for each look to come one drops out of the count.
    const toCome = Math.ceil(Math.max(0, minute - since) / steadyPause) + atTheEnd;
    return this.#left() - toCome >= reads;
  }

  #left(): number {
    const past = this.#clock.now() - minute;
    while (this.#spent[0] !== undefined && this.#spent[0] <= past) this.#spent.shift();
    return readsAMinute - this.#spent.length;
  }
}
