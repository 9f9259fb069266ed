import type { Emulator } from '../../local/emulator.ts';
import type { World } from './model.ts';
import { Place } from './place.ts';

/** Where scenarios are played: each in an account of its own, so that any number goes on side by side. */
export class Worlds {
  readonly #paper: Emulator;
  readonly #lanes: Place[] = [];
  readonly #waiting: ((lane: Place) => void)[] = [];
  #accounts = 100_000_000_000;

  /** `paper`: without containers; `lanes`: environments whose tasks are containers, used one after the other. */
  constructor(paper: Emulator, lanes: readonly Place[] = []) {
    this.#paper = paper;
    this.#lanes.push(...lanes);
  }

  async within<T>(world: World, work: (place: Place) => Promise<T>): Promise<T> {
    if (world === 'containers') {
      const lane = this.#lanes.shift() ?? (await new Promise<Place>((free) => this.#waiting.push(free)));
      try {
        return await work(lane);
      } finally {
        const next = this.#waiting.shift();
        if (next === undefined) this.#lanes.push(lane);
        else next(lane);
      }
    }
    this.#accounts += 1;
    const place = await Place.bootstrapped({ emulator: this.#paper, account: String(this.#accounts) });
    try {
      if (world === 'standing') await place.putUp();
      return await work(place);
    } finally {
      await place.close();
    }
  }
}
