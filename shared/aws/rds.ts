import type { GlobalCaller } from './global-call.ts';
import { elementOf } from './s3-requests.ts';

export interface DatabaseSnapshots {
  /** Names of those that outlive the database: its last one, and what people made. Those that RDS makes by itself go with it. */
  ofDatabase(identifier: string): Promise<readonly string[]>;
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html */
export function databaseSnapshots(call: GlobalCaller): DatabaseSnapshots {
  return {
    async ofDatabase(identifier) {
      const names: string[] = [];
      for (let marker: string | undefined; ;) {
        const form = new URLSearchParams({
          Action: 'DescribeDBSnapshots',
          Version: '2014-10-31',
          DBInstanceIdentifier: identifier,
          SnapshotType: 'manual',
          ...(marker === undefined ? {} : { Marker: marker }),
        });
        const text = await call({
          service: 'RDS',
          operation: 'DescribeDBSnapshots',
          method: 'POST',
          path: '/',
          body: form.toString(),
        });
        const found = text.matchAll(/<DBSnapshotIdentifier>([^<]+)<\/DBSnapshotIdentifier>/g);
        for (const [, name = ''] of found) names.push(name);
        marker = elementOf(text, 'Marker');
        if (marker === undefined || marker === '') return names;
      }
    },
  };
}
