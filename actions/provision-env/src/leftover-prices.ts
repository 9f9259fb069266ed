/** List prices of us-east-1, November 2026, for what the templates let stay. */
const prices: Readonly<Record<string, string>> = {
  'AWS::RDS::DBSnapshot': '$0.095 a GB',
  'AWS::S3::Bucket': '$0.023 a GB, nothing when empty',
  'AWS::ECR::Repository': '$0.10 a GB',
  'AWS::SecretsManager::Secret': '$0.40 each',
  'AWS::Logs::LogGroup': '$0.03 a GB, until its retention ends',
  'AWS::KMS::Key': '$1.00, and its requests',
};

/** What one of these costs a month, in words; undefined when that is not known. */
export function monthlyOf(type: string): string | undefined {
  return prices[type];
}
