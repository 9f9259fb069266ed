import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { connect, type SdkConfig } from './sdk-config.ts';

/** Who the credentials belong to. */
export interface CallerIdentity {
  readonly account: string;
  readonly arn: string;
}

export async function callerIdentity(config: SdkConfig): Promise<CallerIdentity> {
  const { Account = '', Arn = '' } = await connect(STSClient, config).send(new GetCallerIdentityCommand({}));
  return { account: Account, arn: Arn };
}
