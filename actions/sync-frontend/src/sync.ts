import type { ActionReport } from '../../../shared/action/run.ts';
import type { ApplyPorts } from './apply.ts';
import type { Inputs } from './inputs.ts';
import { observeBucket, observeCheck, observePublish, type Ports } from './observe.ts';

export type AllPorts = Ports & ApplyPorts;

/** The three things the action does, each: observe, plan, apply, report. What comes after observing is loaded while files are hashed. */
export async function syncFrontend(inputs: Inputs, ports: AllPorts): Promise<ActionReport> {
  switch (inputs.mode) {
    case 'check': {
      const [observed, { check }] = await Promise.all([observeCheck(inputs, ports), import('./carry-out.ts')]);
      return check({ inputs, observed, ports });
    }
    case 'rollback': {
      const [observed, { rollBack }] = await Promise.all([observeBucket(inputs, ports), import('./carry-out.ts')]);
      return rollBack({ inputs, observed, ports });
    }
    case 'publish': {
      const [observed, { publish }] = await Promise.all([observePublish(inputs, ports), import('./carry-out.ts')]);
      return publish({ inputs, observed, ports });
    }
  }
}
