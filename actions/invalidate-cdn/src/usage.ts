import type { Accepted } from './apply.ts';

/** What CloudFront counts for the bill: every path of an invalidation that is new, a wildcard as one. */
export function pathsUsed(accepted: readonly Accepted[]): number {
  return accepted.filter(({ isKnown }) => !isKnown).reduce((sum, { paths }) => sum + paths.length, 0);
}

/** https://aws.amazon.com/cloudfront/pricing/ */
export function describeUsage(used: number): string {
  return (
    `this run used ${used} of the 1,000 invalidation paths a month that are free (of the whole account, all distributions ` +
    'together; a wildcard counts as one; each one beyond them costs $0.005); what else was used this month is not known here'
  );
}
