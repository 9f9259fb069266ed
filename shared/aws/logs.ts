import { CloudWatchLogsClient, DescribeLogGroupsCommand, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { isAwsError } from '../core/errors.ts';
import { connect, type SdkConfig } from './sdk-config.ts';

export interface LogStream {
  readonly group: string;
  readonly stream: string;
  /** Logs may be kept in another region than the service's. */
  readonly region: string | undefined;
}

export interface LogPage {
  readonly lines: readonly string[];
  /** Where to read on; undefined while the stream does not exist yet. */
  readonly next: string | undefined;
}

export interface LogReader {
  /** The lines after `token`, or from the stream's beginning. */
  read(stream: LogStream, token: string | undefined): Promise<LogPage>;
  /** The last lines, oldest first. */
  tail(stream: LogStream, lines: number): Promise<readonly string[]>;
}

export interface LogGroups {
  exists(group: string, region: string | undefined): Promise<boolean>;
}

export function logGroups(config: SdkConfig): LogGroups {
  const client = clientsOf(config);
  return {
    async exists(group, region) {
      let token: string | undefined;
      do {
        const { logGroups: found = [], nextToken } = await client(region).send(
          new DescribeLogGroupsCommand({
            logGroupNamePrefix: group,
            ...(token === undefined ? {} : { nextToken: token }),
          }),
        );
        // Groups come sorted by name: the one of exactly this name is the first that begins with it.
        if (found.length > 0) return found.some(({ logGroupName }) => logGroupName === group);
        token = nextToken === '' ? undefined : nextToken;
      } while (token !== undefined);
      return false;
    },
  };
}

function clientsOf(config: SdkConfig): (region: string | undefined) => CloudWatchLogsClient {
  const clients = new Map<string, CloudWatchLogsClient>();
  return (region) => {
    const key = region ?? config.region;
    const known = clients.get(key);
    if (known !== undefined) return known;
    const created = connect(CloudWatchLogsClient, { ...config, region: key });
    clients.set(key, created);
    return created;
  };
}

export function logReader(config: SdkConfig): LogReader {
  const client = clientsOf(config);
  return {
    async read({ group, stream, region }, token) {
      try {
        const { events = [], nextForwardToken } = await client(region).send(
          new GetLogEventsCommand({
            logGroupName: group,
            logStreamName: stream,
            startFromHead: true,
            ...(token === undefined ? {} : { nextToken: token }),
          }),
        );
        return { lines: events.map(({ message = '' }) => message), next: nextForwardToken ?? token };
      } catch (error) {
        // The stream appears with the container's first line.
        if (isAwsError(error, 'ResourceNotFoundException')) return { lines: [], next: token };
        throw error;
      }
    },

    async tail({ group, stream, region }, lines) {
      try {
        const { events = [] } = await client(region).send(
          new GetLogEventsCommand({ logGroupName: group, logStreamName: stream, limit: lines, startFromHead: false }),
        );
        return events.map(({ message = '' }) => message);
      } catch (error) {
        if (isAwsError(error, 'ResourceNotFoundException')) return [];
        throw error;
      }
    },
  };
}
