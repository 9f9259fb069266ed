import type { Fault } from './scripted-aws.ts';

/** One line of the log; what is known only later is filled in then. */
export interface RegistryCall {
  readonly index: number;
  /** `ecr`: the JSON API. `v2`: what docker and BuildKit speak. `layer`: a presigned download. */
  readonly protocol: 'ecr' | 'v2' | 'layer';
  /** `PutImage`, `PUT manifest`, `POST upload` … */
  readonly operation: string;
  readonly repository: string;
  /** A tag, a digest, the id of an upload. */
  readonly reference: string;
  readonly path: string;
  /** Of the JSON API. */
  readonly input: Readonly<Record<string, unknown>>;
  /** When it came in, in milliseconds of the process's clock. */
  readonly at: number;
  /** Of the body. */
  bytesIn: number;
  bytesOut: number;
  /** 0: not answered. */
  status: number;
}

/** As of the other scripted services; `run` is called where `drop` says, else right before the answer. */
export interface RegistryFault extends Fault {
  readonly run?: () => void | Promise<void>;
}

/** What was asked, and what goes wrong with it. */
export class Calls {
  readonly log: RegistryCall[] = [];
  /** Asked once a request, when it is known what it asks. */
  fault: (call: RegistryCall) => RegistryFault | undefined = () => undefined;
  #planned: { readonly what: RegExp; readonly faults: (RegistryFault | undefined)[] }[] = [];
  #index = 0;

  note(asked: Omit<RegistryCall, 'index' | 'at' | 'bytesIn' | 'bytesOut' | 'status'>): RegistryCall {
    const call = { ...asked, index: this.#index, at: performance.now(), bytesIn: 0, bytesOut: 0, status: 0 };
    this.#index += 1;
    this.log.push(call);
    return call;
  }

  breakNext(what: RegExp, ...faults: readonly (RegistryFault | undefined)[]): void {
    this.#planned.push({ what, faults: [...faults] });
  }

  faultOf(call: RegistryCall): RegistryFault {
    const name = `${call.operation} ${call.reference === '' ? call.repository : call.reference}`;
    const planned = this.#planned.find(({ what, faults }) => faults.length > 0 && what.test(name));
    return (planned === undefined ? this.fault(call) : planned.faults.shift()) ?? {};
  }

  forget(): void {
    this.log.length = 0;
    this.#index = 0;
    this.#planned = [];
    this.fault = () => undefined;
  }

  counts(protocol?: RegistryCall['protocol']): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const call of this.log) {
      if (protocol !== undefined && call.protocol !== protocol) continue;
      counts[call.operation] = (counts[call.operation] ?? 0) + 1;
    }
    return counts;
  }

  traffic(): { readonly in: number; readonly out: number } {
    const sum = { in: 0, out: 0 };
    for (const { protocol, bytesIn, bytesOut } of this.log) {
      if (protocol === 'ecr') continue;
      sum.in += bytesIn;
      sum.out += bytesOut;
    }
    return sum;
  }
}
