import type { Clock } from '../../shared/core/clock.ts';

/** A clock that only sleeping moves; what is planned on it happens on the way. */
export class VirtualClock implements Clock {
  #now: number;
  readonly #planned: { readonly at: number; readonly happen: () => void }[] = [];

  constructor(start: Date) {
    this.#now = start.getTime();
  }

  now(): number {
    return this.#now;
  }

  after(seconds: number, happen: () => void): void {
    this.#planned.push({ at: this.#now + seconds * 1000, happen });
    this.#planned.sort((a, b) => a.at - b.at);
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const end = this.#now + ms;
    signal?.throwIfAborted();
    while (this.#planned[0] !== undefined && this.#planned[0].at <= end) {
      const { at, happen } = this.#planned.shift()!;
      this.#now = Math.max(this.#now, at);
      happen();
      signal?.throwIfAborted();
    }
    this.#now = end;
  }
}
