import type { CommonInputs, InputReader } from '../../../shared/action/input-reader.ts';
import { humanCount } from '../../../shared/core/clock.ts';
import { matching, type Parser } from '../../../shared/core/parsers.ts';
import { bucketName, keyPrefix } from '../../../shared/core/s3-names.ts';
import { encodeUrlPath } from '../../../shared/core/url-path.ts';

export interface Inputs extends CommonInputs {
  readonly distribution: { readonly id: string } | { readonly alias: string };
  /** Encoded as CloudFront expects; empty: nothing changed. */
  readonly paths: readonly string[];
  readonly maxPaths: number;
  /** The distribution's cache key holds query strings. */
  readonly queryStrings: boolean;
  /** sync-frontend's name for what viewers get now. */
  readonly publication: string | undefined;
  /** Where to note that it was done: the publication's own bucket. */
  readonly record: { readonly bucket: string; readonly prefix: string } | undefined;
  readonly wait: boolean;
  readonly waitTimeoutMinutes: number;
}

const distributionId = matching(/^[A-Z0-9]{8,32}$/, 'the id of a CloudFront distribution such as "E2EXAMPLE12345"');
const domainName = matching(
  /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/i,
  'a domain name of the distribution such as "www.example.com"',
);

/** CloudFront takes 4,000 characters, with the "*" that may be added. */
function urlPath(maxLength: number): Parser<string> {
  return {
    accepted: `a URL path that starts with "/", with "*" only as its last character, at most ${humanCount(maxLength)} characters when encoded`,
    parse: (text) => {
      if (!text.startsWith('/') || text.slice(0, -1).includes('*') || /\p{Cc}|\p{Cs}/u.test(text)) return undefined;
      const encoded = encodeUrlPath(text);
      return encoded.length <= maxLength ? encoded : undefined;
    },
  };
}

const publication = matching(/^\d{1,15}-[0-9a-f]{16}$/, 'the publication output of sync-frontend');

export function parseInputs(read: InputReader): Inputs {
  const common = read.common();
  const id = read.optional('distribution-id', distributionId);
  const alias = read.optional('alias', domainName);
  const givenId = read.text('distribution-id');
  const givenAlias = read.text('alias');
  if (givenId === undefined && givenAlias === undefined) {
    read.problem('distribution-id', undefined, `${distributionId.accepted}; or "alias", ${domainName.accepted}`);
  } else if (givenId !== undefined && givenAlias !== undefined) {
    read.problem('alias', givenAlias, 'nothing beside "distribution-id": give one of the two');
  }
  const queryStrings = read.boolean('query-strings', false);
  const paths = read.text('paths') === undefined ? ['/*'] : read.list('paths', urlPath(queryStrings ? 3999 : 4000));
  const bucket = read.optional('bucket', bucketName);
  const prefix = read.withDefault('prefix', keyPrefix, '');
  const published = read.optional('publication', publication);
  if (prefix !== '' && read.text('bucket') === undefined) {
    read.problem('bucket', undefined, `with "prefix": ${bucketName.accepted}`);
  }
  // A dry run of sync-frontend has paths, but no publication.
  if (bucket !== undefined && read.text('publication') === undefined && !common.dryRun) {
    read.problem('publication', undefined, `with "bucket", which keeps the note of it: ${publication.accepted}`);
  }
  return read.finish({
    ...common,
    distribution: id === undefined ? { alias: (alias ?? '').toLowerCase() } : { id },
    paths: [...new Set(paths)],
    maxPaths: read.integer('max-paths', { min: 1, max: 10_000, fallback: 15 }),
    queryStrings,
    publication: published,
    record: bucket === undefined ? undefined : { bucket, prefix },
    wait: read.boolean('wait', true),
    waitTimeoutMinutes: read.integer('wait-timeout-minutes', { min: 1, max: 360, fallback: 15 }),
  });
}
