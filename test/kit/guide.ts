import type { GuideAws, OnPaper } from './guide-aws.ts';

/** One environment that stands, and where to ask for it. */
export interface Environment {
  readonly title: string;
  readonly tier: 'development' | 'production-small' | 'production-medium';
  readonly compute: 'fargate' | 'ec2';
  readonly kms: 'aws' | 'customer';
  /** Its names begin with it. */
  readonly name: string;
  readonly environment: string;
  readonly domain: string | undefined;
  readonly zone: string | undefined;
  /** In the environment's region. */
  readonly aws: GuideAws;
  /** In us-east-1, where CloudFront looks. */
  readonly edge: GuideAws;
  /** Outputs of the action's run. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly paper: readonly OnPaper[];
}

/** One item of the guide. */
export interface GuideItem {
  readonly item: string;
  /** The guide's heading that says it. */
  readonly guide: string;
  /** In the words that `found` answers in. */
  readonly expected: string | ((environment: Environment) => string);
  /** Asked of the service's own API. */
  readonly found: (environment: Environment) => Promise<string>;
  /** Why it is not what the guide says; `expected` is what stands in its place. */
  readonly differs?: string;
  /** Why nobody but a stand-in of our own could answer here; still compared, never counted as proven. */
  readonly unprovable?: string;
  /** Environments that shall have it; left out: all. */
  readonly where?: (environment: Environment) => boolean;
}

export interface Judged {
  readonly environment: string;
  readonly item: string;
  readonly guide: string;
  readonly expected: string;
  readonly found: string;
  readonly verdict: string;
  readonly kind: 'as in the guide' | 'differs on purpose' | 'not provable here' | 'does not hold';
}

export async function judge(items: readonly GuideItem[], environment: Environment): Promise<readonly Judged[]> {
  const rows: Judged[] = [];
  for (const item of items) {
    if (item.where?.(environment) === false) continue;
    rows.push(await judgeOne(item, environment));
  }
  return rows;
}

export async function judgeOne(item: GuideItem, environment: Environment): Promise<Judged> {
  const expected = typeof item.expected === 'string' ? item.expected : item.expected(environment);
  let found: string;
  try {
    found = await item.found(environment);
  } catch (error) {
    found = `no answer: ${error instanceof Error ? error.message : String(error)}`;
  }
  const row = { environment: environment.title, item: item.item, guide: item.guide, expected, found };
  if (found !== expected) return { ...row, kind: 'does not hold', verdict: 'DOES NOT HOLD' };
  if (item.unprovable !== undefined) {
    return { ...row, kind: 'not provable here', verdict: `not provable here: ${item.unprovable}` };
  }
  if (item.differs !== undefined) {
    return { ...row, kind: 'differs on purpose', verdict: `differs on purpose: ${item.differs}` };
  }
  return { ...row, kind: 'as in the guide', verdict: 'as in the guide' };
}

/** How many rows came to which verdict. */
export function counts(rows: readonly Judged[]): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { kind } of rows) found[kind] = (found[kind] ?? 0) + 1;
  return found;
}

/** A Markdown table; long cells are left whole, since they are the evidence. */
export function guideTable(rows: readonly Judged[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const lines = rows.map(
    ({ item, guide, expected, found, verdict }) =>
      `| ${[item, guide, expected, found, verdict].map(cell).join(' | ')} |`,
  );
  return ['| Item | The guide | Expected | Found | Verdict |', '|---|---|---|---|---|', ...lines].join('\n');
}
