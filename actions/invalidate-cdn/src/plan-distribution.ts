import type { Distribution } from '../../../shared/aws/cloudfront.ts';
import { PreconditionError } from '../../../shared/core/errors.ts';

/**
 * By one of its domain names, else by the wildcard name that stands for it. CloudFront serves a name by the most specific one too
 * (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html#alternate-domain-names-wildcard).
 */
export function distributionIdOf(alias: string, distributions: readonly Distribution[]): string {
  for (const name of namesThatServe(alias)) {
    const matches = distributions.filter((distribution) => namesOf(distribution).includes(name));
    const [only] = matches;
    if (only !== undefined && matches.length === 1) return only.id;
    if (matches.length > 1) {
      throw new PreconditionError(
        'AmbiguousAlias',
        `${matches.length} distributions answer to ${name}: ${shown(matches.map(describe))}`,
        { hint: 'Give "distribution-id" instead.' },
      );
    }
  }
  const known =
    distributions.length === 0 ? 'the account has none' : `the account has ${shown(distributions.map(describe))}`;
  throw new PreconditionError('NoSuchDistribution', `no distribution answers to ${alias}; ${known}`, {
    hint: 'Check the spelling and the account, or give "distribution-id".',
  });
}

/** `a.b.example.com`, `*.b.example.com`, `*.example.com`, `*.com`. */
function namesThatServe(alias: string): readonly string[] {
  const labels = alias.split('.');
  return [alias, ...labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`)];
}

function namesOf({ aliases, domainName }: Distribution): readonly string[] {
  return [...aliases, domainName].map((name) => name.toLowerCase());
}

function describe(distribution: Distribution): string {
  return `${distribution.id} (${shown(namesOf(distribution), 3)})`;
}

function shown(items: readonly string[], most = 20): string {
  return `${items.slice(0, most).join(', ')}${items.length > most ? `, … and ${items.length - most} more` : ''}`;
}
