import { DescribeParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { connect, type SdkConfig } from './sdk-config.ts';

export interface Parameters {
  /** Which of these parameters there are, by name. Their values are not read. */
  existing(names: readonly string[], region: string): Promise<ReadonlySet<string>>;
}

export function parameters(config: SdkConfig): Parameters {
  return {
    async existing(names, region) {
      const ssm = connect(SSMClient, { ...config, region });
      const found = new Set<string>();
      // A filter takes fifty values, and even an empty page may be followed by another.
      for (let start = 0; start < names.length; start += 50) {
        let token: string | undefined;
        do {
          const page = await ssm.send(
            new DescribeParametersCommand({
              ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values: names.slice(start, start + 50) }],
              MaxResults: 50,
              ...(token === undefined ? {} : { NextToken: token }),
            }),
          );
          for (const { Name } of page.Parameters ?? []) if (Name !== undefined) found.add(Name);
          token = page.NextToken === '' ? undefined : page.NextToken;
        } while (token !== undefined);
      }
      return found;
    },
  };
}
