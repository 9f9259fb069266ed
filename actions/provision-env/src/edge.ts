import type { StackState } from '../../../shared/aws/cloudformation.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';
import { isGiven, type ParameterSource, type StackKey, type StackSpec } from './stacks.ts';

/** What the edge stack makes, by the output that names it. */
const made = ['SiteCertificateArn', 'SiteWebAclArn'] as const;
type Made = (typeof made)[number];

/**
 * CloudFront uses what the edge stack makes, so that nothing of it can be removed before the app has let go of it: where the edge only loses
 * something, the app goes first, without what it loses. Both at once, something new and something gone, has no order that works.
 */
export function inEdgeOrder(
  specs: readonly StackSpec[],
  stacks: ReadonlyMap<StackKey, StackState>,
): { readonly specs: readonly StackSpec[]; readonly appFirst: boolean } {
  const edge = specs.find(({ key }) => key === 'edge');
  const app = specs.find(({ key }) => key === 'app');
  const state = stacks.get('edge');
  if (edge === undefined || app === undefined || state === undefined) return { specs, appFirst: false };
  const has = (what: Made): boolean => makes((name) => state.parameters.get(name), what);
  const wants = (what: Made): boolean => makes((name) => valueOf(edge, name), what);
  const lost = made.filter((what) => has(what) && !wants(what));
  const gained = made.filter((what) => !has(what) && wants(what));
  if (lost.length === 0) return { specs, appFirst: false };
  if (gained.length > 0) {
    throw new PreconditionError(
      'EdgeInTwoSteps',
      `${edge.name} would at once lose ${names(lost)} and get ${names(gained)}: neither can come first`,
      {
        hint: `Nothing was changed. First provision with both ${names(gained)} and ${names(lost)}, then without ${names(lost)}.`,
      },
    );
  }
  const held = made.map((what): readonly [Made, ParameterSource] => {
    const value = lost.includes(what) ? 'none' : (valueOf(app, what) ?? state.outputs.get(what) ?? 'none');
    return [what, { from: 'value', value }];
  });
  const letting: StackSpec = { ...app, parameters: new Map([...app.parameters, ...held]) };
  const others = specs.filter(({ key }) => key !== 'edge');
  return { specs: [...others.map((spec) => (spec === app ? letting : spec)), edge], appFirst: true };
}

function makes(parameter: (name: string) => string | undefined, what: Made): boolean {
  return what === 'SiteWebAclArn'
    ? parameter('Waf') === 'true'
    : isGiven(parameter('Domain')) && !isGiven(parameter('SiteCertificateArn'));
}

function valueOf({ parameters }: StackSpec, name: string): string | undefined {
  const source = parameters.get(name);
  return source?.from === 'value' ? source.value : undefined;
}

function names(what: readonly Made[]): string {
  return what.map((one) => (one === 'SiteWebAclArn' ? 'the firewall' : 'the certificate')).join(' and ');
}
