import type { Emulator } from '../../local/emulator.ts';
import type { Scenario } from './model.ts';
import { Place } from './place.ts';

/** Where scenarios are played: in accounts of their own on paper, in environments of one account with containers. */
export class Worlds {
  readonly #paper: Emulator;
  readonly #lanes: Place[] = [];
  readonly #waiting: ((lane: Place) => void)[] = [];
  /** Environments on paper that a scenario left as they were. */
  readonly #spare: Place[] = [];
  #accounts = 100_000_000_000;

  /** `paper`: without containers; `lanes`: environments whose tasks are containers, used one after the other. */
  constructor(paper: Emulator, lanes: readonly Place[] = []) {
    this.#paper = paper;
    this.#lanes.push(...lanes);
  }

  async within<T>({ world, keeps }: Pick<Scenario, 'world' | 'keeps'>, work: (place: Place) => Promise<T>): Promise<T> {
    if (world === 'containers') return this.#inLane(work);
    const place = (world === 'standing' ? this.#spare.pop() : undefined) ?? (await this.#make(world));
    const isKept = world === 'standing' && keeps === true;
    try {
      return await work(place);
    } finally {
      if (isKept) this.#spare.push(place);
      else await place.close();
    }
  }

  async close(): Promise<void> {
    for (const place of [...this.#spare, ...this.#lanes]) await place.close();
  }

  async #make(world: Scenario['world']): Promise<Place> {
    this.#accounts += 1;
    const place = await Place.bootstrapped({ emulator: this.#paper, account: String(this.#accounts) });
    if (world === 'standing') await place.putUp();
    return place;
  }

  async #inLane<T>(work: (lane: Place) => Promise<T>): Promise<T> {
    const lane = this.#lanes.shift() ?? (await new Promise<Place>((free) => this.#waiting.push(free)));
    try {
      return await work(lane);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#lanes.push(lane);
      else next(lane);
    }
  }
}
