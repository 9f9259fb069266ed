/** What stays in the account when a stack is gone. */
export interface Leftover {
  readonly type: string;
  readonly logicalId: string;
  readonly description: string;
  readonly region: string;
  /** Undefined when it could not be asked for. */
  readonly physicalId: string | undefined;
  /** How to find out what it is called. */
  readonly find?: string;
}

/** CloudFormation knows no resource of this kind: it is what `DeletionPolicy: Snapshot` makes of a database. */
export const snapshotType = 'AWS::RDS::DBSnapshot';

/** Of each kind that the templates let stay: what it is called, one and many, and how it is removed for good. */
const kinds: Readonly<
  Record<
    string,
    { readonly words: readonly [string, string]; readonly remove: (id: string, region: string) => readonly string[] }
  >
> = {
  [snapshotType]: {
    words: ['database snapshot', 'database snapshots'],
    remove: (id, region) => [`aws rds delete-db-snapshot --region ${region} --db-snapshot-identifier ${id}`],
  },
  'AWS::S3::Bucket': {
    words: ['bucket', 'buckets'],
    // A bucket must be empty, old versions included; a request takes a thousand of them at most.
    remove: (id, region) => [
      `while aws s3api list-object-versions --region ${region} --bucket ${id} --no-paginate --query '{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}' --output json | aws s3api delete-objects --region ${region} --bucket ${id} --delete file:///dev/stdin --query 'Deleted[].Key' --output text 2> /dev/null | grep -vq '^None$'; do :; done`,
      `aws s3api delete-bucket --region ${region} --bucket ${id}`,
    ],
  },
  'AWS::ECR::Repository': {
    words: ['image repository', 'image repositories'],
    remove: (id, region) => [`aws ecr delete-repository --region ${region} --repository-name ${id} --force`],
  },
  'AWS::SecretsManager::Secret': {
    words: ['secret', 'secrets'],
    remove: (id, region) => [
      `aws secretsmanager delete-secret --region ${region} --secret-id ${id} --force-delete-without-recovery`,
    ],
  },
  'AWS::Logs::LogGroup': {
    words: ['log group', 'log groups'],
    remove: (id, region) => [`aws logs delete-log-group --region ${region} --log-group-name ${id}`],
  },
  'AWS::KMS::Key': {
    words: ['encryption key', 'encryption keys'],
    remove: (id, region) => [
      `aws kms schedule-key-deletion --region ${region} --key-id ${id} --pending-window-in-days 30`,
    ],
  },
};

export function kindWords(type: string, count: number): string {
  const [one, many] = kinds[type]?.words ?? [type, type];
  return count === 1 ? one : many;
}

/** In the order in which it should be removed: the key last, since without it the others cannot be read any more. */
export function inOrder(left: readonly Leftover[]): readonly Leftover[] {
  const order = Object.keys(kinds);
  const rank = ({ type }: Leftover): number => {
    const place = order.indexOf(type);
    return place < 0 ? order.length : place;
  };
  return left.toSorted((a, b) => rank(a) - rank(b));
}

/** Shell lines that remove it for good; none where that is not known. */
export function removalOf({ type, physicalId, region, find }: Leftover): readonly string[] {
  if (physicalId === undefined) return find === undefined ? [] : [find];
  return kinds[type]?.remove(quoted(physicalId), region) ?? [`# ${type}: ${quoted(physicalId)}`];
}

/** One word for a shell, whatever it holds. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/[\r\n]+/g, ' ').replaceAll("'", String.raw`'\''`)}'`;
}
