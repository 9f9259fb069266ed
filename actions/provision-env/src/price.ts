import type { StackState } from '../../../shared/aws/cloudformation.ts';
import { freeTypes } from './price-free.ts';
import { priceRules, services, type Part, type PricedResource, type Service } from './price-rules.ts';
import type { Usage } from './price-usage.ts';
import type { StackKey, StackSpec } from './stacks.ts';
import { resourcesOf, type Template } from './template.ts';
import { condition } from './verdict.ts';

export interface PricedStack {
  readonly key: StackKey;
  readonly template: Template;
  /** What is not in it has the template's own value; what is undefined is not known. */
  readonly values: ReadonlyMap<string, string | undefined>;
}

export interface PriceLine {
  /** AWS's service, as the guide's table groups it. */
  readonly service: Service;
  readonly what: string;
  readonly quantity: number;
  readonly unit: string;
  readonly unitUsd: number;
  /** A month's, in whole cents. */
  readonly usd: number;
  readonly kind: 'fixed' | 'usage';
  /** What a line by usage rests on; '' for a fixed one. */
  readonly assumption: string;
  /** Where the unit's price was read. */
  readonly source: string;
}

/** What an environment costs in a month, in us-east-1. */
export interface Price {
  readonly lines: readonly PriceLine[];
  readonly fixed: number;
  readonly usage: number;
  /** Without what is unknown: then it is the least it can be. */
  readonly total: number;
  /** Parts that have a price which nobody here knows. */
  readonly unknown: readonly string[];
}

export function priceOf(stacks: readonly PricedStack[], usage: Usage): Price {
  const found = stacks.map((stack) => ({ stack, resources: resourcesOf(stack.template, stack.values) }));
  const nats = found.flatMap(({ resources }) => resources).filter(({ type }) => type === 'AWS::EC2::NatGateway').length;
  const unknown = new Set<string>();
  const merged = new Map<string, PriceLine>();
  for (const { stack, resources } of found) {
    const has = (logicalId: string): boolean => resources.some((resource) => resource.logicalId === logicalId);
    for (const { logicalId, type } of resources) {
      const rule = priceRules[type];
      if (rule === undefined) {
        if (freeTypes[type] === undefined) unknown.add(`${type} (${logicalId})`);
        continue;
      }
      const priced = { logicalId, stack: stack.key, has, nats, usage, ...parametersOf(stack) };
      for (const part of rule(priced)) {
        const line = lineOf(part);
        if (line === undefined) unknown.add(`${part.service}: ${part.what}`);
        else merge(merged, line);
      }
    }
  }
  const lines = [...merged.values()]
    .map((line) => ({ ...line, usd: cents(line.quantity * line.unitUsd) }))
    .sort((one, other) => services.indexOf(one.service) - services.indexOf(other.service) || other.usd - one.usd);
  return { lines, ...sums(lines), unknown: [...unknown] };
}

function parametersOf({ template, values }: PricedStack): Pick<PricedResource, 'text' | 'is' | 'number'> {
  const text = (name: string): string | undefined =>
    values.has(name) ? values.get(name) : template.parameters.get(name)?.fallback;
  return {
    text,
    is: (name, value) => [undefined, value].includes(text(name)),
    number: (name) => {
      const value = text(name) ?? '';
      return value === '' ? Number.NaN : Number(value);
    },
  };
}

function lineOf({ service, what, quantity, price, assumption }: Part): PriceLine | undefined {
  if (price === undefined || !Number.isFinite(quantity)) return undefined;
  const { usd: unitUsd, unit, source } = price;
  const kind = assumption === undefined ? 'fixed' : 'usage';
  return { service, what, quantity, unit, unitUsd, usd: 0, kind, assumption: assumption ?? '', source };
}

/** Six secrets are one line. */
function merge(lines: Map<string, PriceLine>, line: PriceLine): void {
  const key = JSON.stringify([line.service, line.what, line.kind, line.assumption, line.unitUsd]);
  lines.set(key, { ...line, quantity: line.quantity + (lines.get(key)?.quantity ?? 0) });
}

function sums(lines: readonly PriceLine[]): Pick<Price, 'fixed' | 'usage' | 'total'> {
  const sum = (of: readonly PriceLine[]): number => cents(of.reduce((total, { usd }) => total + usd, 0));
  return {
    fixed: sum(lines.filter(({ kind }) => kind === 'fixed')),
    usage: sum(lines.filter(({ kind }) => kind === 'usage')),
    total: sum(lines),
  };
}

export function cents(usd: number): number {
  // Not by usd * 100 alone: 1.005 is a little less than it looks.
  return Math.round(Number((usd * 100).toPrecision(12))) / 100;
}

/** What the configuration asks for, whether it is there or not. */
export function priceOfSpecs(specs: readonly StackSpec[], usage: Usage): Price {
  const stacks = specs.map(({ key, template, parameters }) => ({
    key,
    template,
    values: new Map(
      [...parameters].map(([name, source]) => [name, source.from === 'value' ? source.value : undefined]),
    ),
  }));
  return priceOf(stacks, usage);
}

/** What runs, by the parameters that the stacks have; undefined while there is nothing. */
export function priceOfStacks(
  specs: readonly Pick<StackSpec, 'key' | 'template'>[],
  states: ReadonlyMap<StackKey, Pick<StackState, 'status' | 'parameters'>>,
  usage: Usage,
): Price | undefined {
  const stacks = specs.flatMap(({ key, template }) => {
    const state = states.get(key);
    // Of what failed when it was first created, or was never executed, next to nothing is left.
    return state === undefined || condition(state.status) === 'leftover' || state.status === 'DELETE_COMPLETE'
      ? []
      : [{ key, template, values: state.parameters }];
  });
  return stacks.length === 0 ? undefined : priceOf(stacks, usage);
}

/** A limit that a price with unknown parts seems to keep is not known to be kept. */
export function judgeLimit({ total, unknown }: Price, limit: number): 'within' | 'over' | 'unknown' {
  if (total > limit) return 'over';
  return unknown.length === 0 ? 'within' : 'unknown';
}

export interface PriceChange {
  readonly service: Service;
  readonly what: string;
  readonly before: number;
  readonly after: number;
  /** After less before. */
  readonly usd: number;
}

/** What changes from one price to another; its sum is that of the totals. */
export function priceDifference(before: Pick<Price, 'lines'>, after: Pick<Price, 'lines'>): readonly PriceChange[] {
  const changes = new Map<string, { service: Service; what: string; before: number; after: number }>();
  const add = (side: 'before' | 'after', lines: readonly PriceLine[]): void => {
    for (const { service, what, usd } of lines) {
      const key = JSON.stringify([service, what]);
      const change = changes.get(key) ?? { service, what, before: 0, after: 0 };
      changes.set(key, { ...change, [side]: cents(change[side] + usd) });
    }
  };
  add('before', before.lines);
  add('after', after.lines);
  return [...changes.values()]
    .map((change) => ({ ...change, usd: cents(change.after - change.before) }))
    .filter(({ usd }) => usd !== 0);
}
