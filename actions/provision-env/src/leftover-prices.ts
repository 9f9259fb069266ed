import { money } from './money.ts';
import { prices, type UnitPrice } from './price-table.ts';

/** What stays of a resource when its stack is deleted, and its price a month; of a database its snapshot does. */
const leftovers: Readonly<Record<string, readonly [UnitPrice, string]>> = {
  'AWS::ECR::Repository': [prices.images, 'a GB'],
  'AWS::KMS::Key': [prices.key, 'each, up to $3.00 in later years'],
  'AWS::Logs::LogGroup': [prices.logStorage, 'a GB, until the logs expire'],
  'AWS::RDS::DBSnapshot': [prices.backup, 'a GB'],
  'AWS::S3::Bucket': [prices.bucket, 'a GB'],
  'AWS::SecretsManager::Secret': [prices.secret, 'each'],
};

/** What one resource that is left behind costs a month, such as "$0.023 a GB"; undefined when that is not known. */
export function monthlyOf(type: string): string | undefined {
  const leftover = leftovers[type];
  return leftover === undefined ? undefined : `${money(leftover[0].usd)} ${leftover[1]}`;
}
