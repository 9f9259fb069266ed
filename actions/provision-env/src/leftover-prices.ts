import { money } from './money.ts';
import { prices, type UnitPrice } from './price-table.ts';

/** What stays of a resource when its stack is deleted, and its price. */
const leftovers: Readonly<Record<string, readonly [UnitPrice, string]>> = {
  'AWS::ECR::Repository': [prices.images, 'a GB and month'],
  'AWS::KMS::Key': [prices.key, 'a month, up to $3.00 in later years'],
  'AWS::Logs::LogGroup': [prices.logStorage, 'a GB and month, until the logs expire'],
  'AWS::RDS::DBInstance': [prices.backup, 'a GB and month, for its snapshot'],
  'AWS::S3::Bucket': [prices.bucket, 'a GB and month'],
  'AWS::SecretsManager::Secret': [prices.secret, 'a month'],
};

/** What one resource that is left behind goes on to cost, such as "$0.023 a GB and month". */
export function leftoverPrice(type: string): string {
  const leftover = leftovers[type];
  return leftover === undefined ? 'nothing' : `${money(leftover[0].usd)} ${leftover[1]}`;
}
