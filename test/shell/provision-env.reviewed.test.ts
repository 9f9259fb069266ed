import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ActionError } from '../../shared/core/errors.ts';
import type { ResourceChange } from '../../shared/aws/cloudformation.ts';
import { modification, property, provisionIn, service, world, type World } from './provision-env.fakes.ts';

const stackNames = ['foundation', 'app', 'monitoring'].map((key) => `analytics-studio-production-${key}`);
const [foundation, app, monitoring] = stackNames as [string, string, string];

/** What the configuration may say, and what somebody may do to the same parameters outside of it. */
const knobs = [
  { stack: foundation, parameter: 'DatabaseBackupRetentionDays', values: ['7', '14', '30'] },
  { stack: app, parameter: 'MaxCount', values: ['4', '6', '8'] },
  { stack: monitoring, parameter: 'AlarmEmail', values: ['', 'a@example.com', 'b@example.com'] },
] as const;

const knob = fc
  .constantFrom(...knobs)
  .chain(({ stack, parameter, values }) => fc.constantFrom(...values).map((value) => ({ stack, parameter, value })));

/** One thing that happens. */
const event = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('plan' as const),
      config: fc.uniqueArray(knob, { maxLength: 3, selector: (one) => one.parameter }),
    }),
  },
  // `back`: not the newest plan, but one before it.
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('apply' as const), back: fc.nat(2), cutOff: fc.option(fc.nat(40)) }),
  },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('outside' as const), change: knob }) },
  fc.record({ what: fc.constant('remove' as const), stack: fc.constantFrom(...stackNames) }),
  fc.record({ what: fc.constant('fail' as const), stack: fc.constantFrom(...stackNames) }),
  fc.record({ what: fc.constant('deploy' as const), revision: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ what: fc.constant('key' as const), hasValue: fc.boolean() }),
);

interface Planned {
  readonly digest: string;
  readonly file: string;
  /** Every line of the log that tells of a change, by stack. */
  readonly shown: ReadonlyMap<string, { readonly isNew: boolean; readonly lines: ReadonlySet<string> }>;
}

test('no sequence of plans, changes from outside and applies executes a change that was not reviewed', async () => {
  let executions = 0;
  let refusals = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 3, maxLength: 10 }), async (events) => {
      const aws = cloud();
      const plans: Planned[] = [];
      const up = [
        { what: 'plan', config: [] },
        { what: 'apply', back: 0, cutOff: null },
      ] as const;
      for (const one of [...up, ...events]) {
        if (one.what === 'plan') plans.unshift(await plan(aws, one.config));
        else if (one.what === 'apply') {
          const reviewed = plans[Math.min(one.back, plans.length - 1)];
          if (reviewed === undefined) continue;
          const before = aws.stacks.executed.length;
          refusals += (await apply(aws, reviewed, one.cutOff)) ? 0 : 1;
          for (const executed of aws.stacks.executed.slice(before)) {
            executions += 1;
            expect(unreviewed(executed, reviewed)).toEqual([]);
          }
        } else happen(aws, one);
      }
    }),
    { numRuns: 60 },
  );
  // Neither refuses everything nor executes everything.
  expect(executions).toBeGreaterThan(20);
  expect(refusals).toBeGreaterThan(10);
});

function cloud(): World {
  const aws = world();
  // A resource for each parameter, but for those that belong to the service and to the protection of the database.
  aws.stacks.changesOf = (_, differing, values) =>
    differing.map((name): ResourceChange => {
      if (name === 'ServiceTaskDefinition' || name === 'ServiceCount')
        return modification('Service', { type: 'AWS::ECS::Service', properties: [property(name, values(name))] });
      if (name === 'DatabaseDeletionProtection') {
        const properties = [property('DeletionProtection', values(name))];
        return modification('Database', { type: 'AWS::RDS::DBInstance', properties });
      }
      // By its name it would be shown as a secret.
      const shown = name.replace('OpenaiApiKeyHasValue', 'HasValue');
      return modification(`Of${name}`, { properties: [property(shown, values(name))] });
    });
  return aws;
}

async function plan(
  aws: World,
  config: readonly { readonly parameter: string; readonly value: string }[],
): Promise<Planned> {
  const file = `parameters:\n${config.map(({ parameter, value }) => `  ${parameter}: '${value}'\n`).join('')}`;
  const before = aws.stacks.executed.length;
  const from = aws.lines.length;
  const { outputs } = await provisionIn(aws, { mode: 'plan' }, { file: config.length === 0 ? '' : file });
  expect(aws.stacks.executed).toHaveLength(before);
  expect(aws.stacks.changeSets.size).toBe(0);
  const shown = new Map<string, { isNew: boolean; lines: Set<string> }>();
  let lines = new Set<string>();
  let change = '';
  for (const line of aws.lines.slice(from)) {
    const stack = stackNames.find((name) => line.startsWith(`${name}  `));
    if (stack !== undefined) {
      lines = new Set();
      shown.set(stack, { isNew: /^\S+ {2}(?:create|recreate):/.test(line), lines });
    } else if (line.startsWith('      ')) lines.add(`${change} / ${line.trim()}`);
    else if (line.startsWith('  ')) change = line.trim();
  }
  return { digest: outputs['plan-digest']!, file: config.length === 0 ? '' : file, shown };
}

/** False when it was refused as a whole or in part. */
async function apply(aws: World, { digest, file }: Planned, cutOff: number | null): Promise<boolean> {
  const cancel = new AbortController();
  let ticks = 0;
  aws.clock.onTick.splice(1);
  aws.clock.onTick.push(() => {
    ticks += 1;
    if (ticks === cutOff) cancel.abort(new ActionError('Cancelled', 'cut off'));
  });
  try {
    const { failure } = await provisionIn({ ...aws, signal: cancel.signal }, { 'plan-digest': digest }, { file });
    return failure === undefined;
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    return false;
  } finally {
    // What was begun goes on; what was only being worked out is gone.
    await aws.clock.sleep(10_000);
    aws.stacks.changeSets.clear();
  }
}

function happen(
  aws: World,
  one: Exclude<typeof event extends fc.Arbitrary<infer E> ? E : never, { readonly what: 'plan' | 'apply' }>,
): void {
  const { stacks } = aws.stacks;
  switch (one.what) {
    case 'outside': {
      const { stack, parameter, value } = one.change;
      const found = stacks.get(stack);
      if (found !== undefined)
        found.state.parameters = new Map([...found.state.parameters, [parameter, value] as const]);
      return;
    }
    case 'remove':
      stacks.delete(one.stack);
      return;
    case 'fail':
      // Every change of it fails, until the next time.
      aws.stacks.behaviour.set(
        one.stack,
        aws.stacks.behaviour.has(one.stack)
          ? {}
          : { fails: { OfDatabaseBackupRetentionDays: 'no', OfMaxCount: 'no', OfAlarmEmail: 'no' } },
      );
      return;
    case 'deploy':
      aws.service = service(
        `arn:aws:ecs:us-east-1:1:task-definition/analytics-studio-backend:${one.revision}`,
        'COMPLETED',
      );
      return;
    case 'key':
      aws.openaiKey = one.hasValue;
  }
}

/** What was executed and stood in no line of the plan. */
function unreviewed(
  { stack, kind, changes }: World['stacks']['executed'][number],
  { shown }: Planned,
): readonly string[] {
  const reviewed = shown.get(stack);
  if (kind === 'CREATE') return reviewed?.isNew === true ? [] : [`${stack} was created`];
  return changes.flatMap(({ logicalId, type, properties }) =>
    properties.flatMap(({ name, before, after }) => {
      // The stack takes note of what runs.
      if (type === 'AWS::ECS::Service') return [];
      if (name === 'DeletionProtection' && after === 'true' && reviewed?.isNew === true) return [];
      const found = [...(reviewed?.lines ?? [])].some(
        (line) => line.includes(`(${logicalId})`) && line.endsWith(` / ${name}: ${told(before)} → ${told(after)}`),
      );
      return found ? [] : [`${stack} ${logicalId} ${name}: ${before} → ${after}`];
    }),
  );
}

function told(value: string | undefined): string {
  return value === undefined ? '–' : value === '' ? '(empty)' : value;
}
