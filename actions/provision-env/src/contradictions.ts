import type { InputProblem } from '../../../shared/core/errors.ts';
import { isGiven, tierParameters, type Tier } from './stacks.ts';
import type { Templates } from './templates.ts';

export interface Together {
  readonly tier: Tier;
  /** Undefined when it is bad itself. */
  readonly region: string | undefined;
  readonly hasDomain: boolean;
  /** Chosen by a person; whatever is not, the tier and then the template say. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** MiB that Fargate accepts by CPU units: the least, the most, and the step between. */
const fargateMemory: Readonly<Record<string, readonly [number, number, number]>> = {
  '512': [1024, 4096, 1024],
  '1024': [2048, 8192, 1024],
  '2048': [4096, 16_384, 1024],
  '4096': [8192, 30_720, 1024],
  '8192': [16_384, 61_440, 4096],
  '16384': [32_768, 122_880, 8192],
};

/** MiB of a t3.micro's 1 GiB that a task may have, as the template's rule has it; the system, ECS's agent and a second task take the rest. */
const instanceMemory = ['256', '384', '512'];

/** Values that are fine by themselves and would fail, or silently do nothing, together. */
export function contradictions(chosen: Together, templates: Templates): readonly InputProblem[] {
  const { parameters, region, hasDomain } = chosen;
  const problems: InputProblem[] = [];
  const refuse = (name: string, value: string, accepted: string): void => {
    problems.push({ field: `parameters.${name}`, value, accepted });
  };
  /** The values that will be used; undefined when a person chose none of them, since tiers and templates agree. */
  const used = (...names: readonly string[]): readonly string[] | undefined =>
    names.some((name) => parameters.has(name)) ? names.map((name) => effective(name, chosen, templates)) : undefined;

  const compute = parameters.get('Compute');
  const [instance, cpu = '', memory = ''] = used('InstanceType', 'TaskCpu', 'TaskMemory') ?? [];
  if (compute === 'ec2' && instance === 't3.micro' && !instanceMemory.includes(memory))
    refuse('TaskMemory', memory, `on a t3.micro ${instanceMemory.join(', ')}`);
  const fitting = compute === 'ec2' ? [] : memories(cpu);
  if (fitting.length > 0 && !fitting.includes(memory))
    refuse('TaskMemory', memory, `what Fargate accepts with TaskCpu ${cpu}: ${fitting.join(', ')}`);

  const [fewest = '', initial = '', highest = ''] = used('MinCount', 'InitialCount', 'MaxCount') ?? [];
  if (Number(highest) < Number(fewest)) refuse('MaxCount', highest, `${fewest} or more: MinCount`);
  else if (Number(initial) < Number(fewest) || Number(initial) > Number(highest))
    refuse('InitialCount', initial, `from MinCount, ${fewest}, to MaxCount, ${highest}`);

  const [start = '', most = ''] = used('DatabaseAllocatedStorage', 'DatabaseMaxAllocatedStorage') ?? [];
  // RDS wants a tenth of room to grow.
  const least = Math.ceil((Number(start) * 11) / 10);
  if (Number(most) < least)
    refuse('DatabaseMaxAllocatedStorage', most, `${least} or more: a tenth above DatabaseAllocatedStorage, ${start}`);

  const [replicas = '0'] = used('RedisReplicas') ?? [];
  if (/[1-9]/.test(replicas) && effective('Redis', chosen, templates) === 'false')
    refuse('RedisReplicas', replicas, `0 or left out: Redis is "false" (tier "${chosen.tier}" or the configuration)`);

  if (hasDomain) {
    const [site, api = ''] = used('SiteSubdomain', 'ApiSubdomain') ?? [];
    if (site === api) refuse('ApiSubdomain', api, 'another name than SiteSubdomain');
  }

  for (const name of ['SiteCertificateArn', 'ApiCertificateArn']) {
    const arn = parameters.get(name) ?? '';
    if (!isGiven(arn)) continue;
    if (!hasDomain) refuse(name, arn, 'left out, except with a domain');
    // The template itself wants the site's in us-east-1.
    else if (name === 'ApiCertificateArn' && region !== undefined && arn.split(':')[3] !== region)
      refuse(name, arn, `a certificate in ${region}, where the load balancer is`);
  }
  return problems;
}

function effective(name: string, { parameters, tier }: Together, templates: Templates): string {
  const inTemplate = templates.app.parameters.get(name) ?? templates.foundation.parameters.get(name);
  return parameters.get(name) ?? tierParameters[tier][name] ?? inTemplate?.fallback ?? '';
}

function memories(cpu: string): readonly string[] {
  if (cpu === '256') return ['512', '1024', '2048'];
  const [least, most, step] = fargateMemory[cpu] ?? [1, 0, 1];
  const count = Math.floor((most - least) / step) + 1;
  return Array.from({ length: count }, (_, index) => String(least + index * step));
}
