import { CloudFrontClient, GetDistributionConfigCommand } from '@aws-sdk/client-cloudfront';
import { DescribeImagesCommand, ECRClient } from '@aws-sdk/client-ecr';
import { DescribeServicesCommand, DescribeTaskDefinitionCommand, ECSClient } from '@aws-sdk/client-ecs';
import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { request } from 'node:http';
import type { EmulatorHandle } from './emulator.ts';

/** The emulated AWS as the checks see it: by its API, and as a viewer does. */
export class Cloud {
  readonly emulator: EmulatorHandle;
  readonly #settings;

  constructor(emulator: EmulatorHandle) {
    this.emulator = emulator;
    this.#settings = {
      endpoint: emulator.endpoint,
      region: emulator.env['AWS_REGION'] ?? 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    };
  }

  async service(cluster: string, service: string) {
    const ecs = new ECSClient(this.#settings);
    const found = await ecs.send(new DescribeServicesCommand({ cluster, services: [service] }));
    const one = found.services?.[0];
    const taskDefinition = one?.taskDefinition;
    const images = taskDefinition
      ? (await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }))).taskDefinition?.containerDefinitions
      : [];
    return {
      running: one?.runningCount ?? 0,
      desired: one?.desiredCount ?? 0,
      taskDefinition: taskDefinition ?? '',
      images: (images ?? []).map((container) => container.image ?? ''),
    };
  }

  async imageTags(repositoryName: string): Promise<readonly string[]> {
    const found = await new ECRClient(this.#settings).send(new DescribeImagesCommand({ repositoryName }));
    return (found.imageDetails ?? []).flatMap((image) => image.imageTags ?? []);
  }

  async objects(Bucket: string): Promise<readonly string[]> {
    const client = new S3Client({ ...this.#settings, forcePathStyle: true });
    const keys: string[] = [];
    for await (const page of paginateListObjectsV2({ client }, { Bucket })) {
      keys.push(...(page.Contents ?? []).map((object) => object.Key ?? ''));
    }
    return keys;
  }

  async distribution(Id: string) {
    const client = new CloudFrontClient(this.#settings);
    const config = (await client.send(new GetDistributionConfigCommand({ Id }))).DistributionConfig;
    const origin = (config?.Origins?.Items ?? []).find((item) => item.CustomOriginConfig !== undefined);
    return {
      apiHost: origin?.DomainName ?? '',
      apiHeaders: Object.fromEntries(
        (origin?.CustomHeaders?.Items ?? []).map((header) => [header.HeaderName ?? '', header.HeaderValue ?? '']),
      ),
    };
  }

  /** A viewer's request: the name that a browser would look up goes into the Host header. */
  fetch(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const { host, pathname, search, protocol } = new URL(url);
    // The emulator has no certificate: HTTPS counts as having ended in front of it.
    const ended = protocol === 'https:' ? { 'x-forwarded-proto': 'https' } : {};
    return new Promise((resolve, reject) => {
      const call = request(
        {
          host: '127.0.0.1',
          port: this.emulator.port,
          path: pathname + search,
          headers: { ...headers, ...ended, host },
          timeout: 15_000,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text });
          });
        },
      );
      call.on('timeout', () => call.destroy(new Error(`${url}: no answer within 15 s`)));
      call.on('error', reject);
      call.end();
    });
  }
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}
