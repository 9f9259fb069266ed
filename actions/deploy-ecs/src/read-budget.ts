import type { Clock } from '../../../shared/core/clock.ts';

/** AWS throttles the reads of ECS of an account as a whole, so a deployment that is watched takes no more than this; logs have a quota of their own. */
const readsAMinute = 30;
const minute = 60_000;

/** A verdict is never older than this and the call that brings it. */
const steadyPause = 4_800;
/** A last look, its evidence, and the first looks of the way back. */
const atTheEnd = 8;
/** The first looks of the way back. */
const afterTheEnd = 4;
/** A small service is up in seconds. */
const firstPauses = [1_000, 1_000, 1_000, 1_500];

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

  /** True when that many reads leave enough for the looks that are to come within the minute, or for the end. */
  mayGoAside(reads: number): boolean {
    return this.#left() - Math.max(this.#toCome() + 2, atTheEnd) >= reads;
  }

  /** As `mayGoAside`, for reads that may bring the end about: then no look is to come. */
  mayHurry(reads: number): boolean {
    return this.#left() - Math.max(this.#toCome(), afterTheEnd) >= reads;
  }

  /** From the second minute on, for each look to come one drops out of the count. */
  #toCome(): number {
    const since = this.#clock.now() - (this.#first ?? this.#clock.now());
    return Math.ceil(Math.max(0, minute - since) / steadyPause);
  }

  #left(): number {
    const past = this.#clock.now() - minute;
    while (this.#spent[0] !== undefined && this.#spent[0] <= past) this.#spent.shift();
    return readsAMinute - this.#spent.length;
  }
}
