import type { Emulator } from '../../local/emulator.ts';
import { closeEnvironment, containersEnvironment } from './containers.ts';
import type { Scenario } from './model.ts';
import { Place } from './place.ts';

/** Where scenarios are played, each in a place of its own: an account on paper, or an environment with containers. */
export class Worlds {
  readonly #paper: Emulator;
  readonly #containers: Emulator;
  /** Environments on paper that a scenario left as they were. */
  readonly #spare: Place[] = [];
  #places = 0;

  constructor(emulators: { readonly paper: Emulator; readonly containers: Emulator }) {
    this.#paper = emulators.paper;
    this.#containers = emulators.containers;
  }

  async within<T>({ world, keeps }: Pick<Scenario, 'world' | 'keeps'>, work: (place: Place) => Promise<T>): Promise<T> {
    const place = (world === 'standing' ? this.#spare.pop() : undefined) ?? (await this.#make(world));
    try {
      return await work(place);
    } finally {
      if (world === 'containers') await closeEnvironment(place);
      else if (world === 'standing' && keeps === true) this.#spare.push(place);
      else await place.close();
    }
  }

  async close(): Promise<void> {
    for (const place of this.#spare) await place.close();
  }

  async #make(world: Scenario['world']): Promise<Place> {
    this.#places += 1;
    if (world === 'containers') return containersEnvironment(this.#containers, `e${this.#places}`);
    const account = String(100_000_000_000 + this.#places);
    const place = await Place.bootstrapped({ emulator: this.#paper, account });
    if (world === 'standing') await place.putUp();
    return place;
  }
}
