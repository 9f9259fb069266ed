import {
  CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
  ListDistributionsCommand,
  ListInvalidationsCommand,
  type Invalidation as SdkInvalidation,
} from '@aws-sdk/client-cloudfront';
import { isAwsError } from '../core/errors.ts';
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
}

export interface InvalidationRequest {
  readonly distributionId: string;
  /** The same reference with the same paths is the same invalidation, however often it is asked for. */
  readonly callerReference: string;
  readonly paths: readonly string[];
}

export interface Cdn {
  distributions(): Promise<readonly Distribution[]>;
  invalidate(request: InvalidationRequest): Promise<Invalidation>;
  invalidation(distributionId: string, id: string): Promise<Invalidation>;
}

/** How many invalidations are looked through for one that was asked for before. */
const lookBack = 100;

export function cdn(config: SdkConfig): Cdn {
  const client = connect(CloudFrontClient, config);

  /** CloudFront knows the reference with other paths: ours, asked for before, is among the recent ones, or the error stands. */
  async function byReference({
    distributionId,
    callerReference,
  }: InvalidationRequest): Promise<Invalidation | undefined> {
    const { InvalidationList } = await client.send(
      new ListInvalidationsCommand({ DistributionId: distributionId, MaxItems: lookBack }),
    );
    for (const { Id } of InvalidationList?.Items ?? []) {
      const { Invalidation: found } = await client.send(
        new GetInvalidationCommand({ DistributionId: distributionId, Id }),
      );
      if (found?.InvalidationBatch?.CallerReference === callerReference) return toInvalidation(found);
    }
    return undefined;
  }

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

    async invalidate(request) {
      const { distributionId, callerReference, paths } = request;
      try {
        const { Invalidation: made } = await client.send(
          new CreateInvalidationCommand({
            DistributionId: distributionId,
            InvalidationBatch: {
              CallerReference: callerReference,
              Paths: { Quantity: paths.length, Items: [...paths] },
            },
          }),
        );
        return toInvalidation(made);
      } catch (error) {
        const known = isAwsError(error, 'InvalidationBatchAlreadyExists') ? await byReference(request) : undefined;
        if (known === undefined) throw error;
        return known;
      }
    },

    async invalidation(distributionId, id) {
      const { Invalidation: found } = await client.send(
        new GetInvalidationCommand({ DistributionId: distributionId, Id: id }),
      );
      return toInvalidation(found);
    },
  };
}

function toInvalidation(found: SdkInvalidation | undefined): Invalidation {
  return {
    id: found?.Id ?? '',
    status: found?.Status ?? 'InProgress',
    createdAt: found?.CreateTime?.getTime() ?? 0,
  };
}
