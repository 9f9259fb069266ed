import {
  CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
  ListDistributionsCommand,
  type Invalidation as SdkInvalidation,
} from '@aws-sdk/client-cloudfront';
import { connect, type SdkConfig } from './sdk-config.ts';

export interface Distribution {
  readonly id: string;
  /** CloudFront's own name, `d….cloudfront.net`. */
  readonly domainName: string;
  readonly aliases: readonly string[];
}

export interface Invalidation {
  readonly id: string;
  /** `InProgress` or `Completed`. */
  readonly status: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** When CloudFront said so, by its own clock: milliseconds since the epoch. */
  readonly answeredAt: number;
}

export interface InvalidationRequest {
  readonly distributionId: string;
  /** The same reference with the same paths is the same invalidation, however often it is asked for. */
  readonly callerReference: string;
  readonly paths: readonly string[];
}

export interface Cdn {
  distributions(): Promise<readonly Distribution[]>;
  /**
   * Fails with `TooManyInvalidationsInProgress` while the distribution has 3,000 files or 15 wildcards in progress, with
   * `InvalidationBatchAlreadyExists` when the reference is known with other paths
   * (https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html).
   */
  invalidate(request: InvalidationRequest): Promise<Invalidation>;
  invalidation(distributionId: string, id: string): Promise<Invalidation>;
}

/** Beyond these the caller waits, who can tell about it and knows for how long. */
const quickAttempts = 2;

export function cdn(config: SdkConfig): Cdn {
  const client = connect(CloudFrontClient, config);
  let answeredAt = 0;
  const quick = connect(CloudFrontClient, {
    ...config,
    maxAttempts: Math.min(quickAttempts, config.maxAttempts),
    requestHandler: {
      handle: async (...asked: Parameters<SdkConfig['requestHandler']['handle']>) => {
        const answer = await config.requestHandler.handle(...asked);
        const date = Date.parse(answer.response.headers['date'] ?? '');
        answeredAt = Number.isNaN(date) ? Date.now() : date;
        return answer;
      },
    },
  });

  return {
    async distributions() {
      const found: Distribution[] = [];
      let marker: string | undefined;
      do {
        const { DistributionList } = await client.send(
          new ListDistributionsCommand(marker === undefined ? {} : { Marker: marker }),
        );
        for (const { Id = '', DomainName = '', Aliases } of DistributionList?.Items ?? []) {
          found.push({ id: Id, domainName: DomainName, aliases: Aliases?.Items ?? [] });
        }
        marker = DistributionList?.IsTruncated === true ? DistributionList.NextMarker : undefined;
      } while (marker !== undefined);
      return found;
    },

    async invalidate({ distributionId, callerReference, paths }) {
      const { Invalidation: made } = await quick.send(
        new CreateInvalidationCommand({
          DistributionId: distributionId,
          InvalidationBatch: {
            CallerReference: callerReference,
            Paths: { Quantity: paths.length, Items: [...paths] },
          },
        }),
      );
      return toInvalidation(made, answeredAt);
    },

    async invalidation(distributionId, id) {
      const { Invalidation: found } = await quick.send(
        new GetInvalidationCommand({ DistributionId: distributionId, Id: id }),
      );
      return toInvalidation(found, answeredAt);
    },
  };
}

function toInvalidation(found: SdkInvalidation | undefined, answeredAt: number): Invalidation {
  return {
    id: found?.Id ?? '',
    status: found?.Status ?? 'InProgress',
    createdAt: found?.CreateTime?.getTime() ?? 0,
    answeredAt,
  };
}
