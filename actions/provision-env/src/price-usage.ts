import type { Tier } from './stacks.ts';

/** What an environment is taken to use in a month; nobody knows it before, and the bill follows it. */
export interface Usage {
  /** How what the guide's table names was taken from it. */
  readonly measure: string;
  /** What viewers load of the site, in GB, and in how many million requests. */
  readonly siteGb: number;
  readonly siteRequests: number;
  /** What the API answers, in GB, and to how many million requests. */
  readonly apiGb: number;
  readonly apiRequests: number;
  /** GB that tasks exchange with the internet: OpenAI, AWS's own services. */
  readonly outboundGb: number;
  /** GB between tasks in one zone and database or cache in the other. */
  readonly betweenZonesGb: number;
  /** Capacity units of the load balancer, on average. */
  readonly capacityUnits: number;
  /** Tasks beyond the fewest, on average. */
  readonly extraTasks: number;
  readonly siteStorageGb: number;
  readonly uploadsGb: number;
  readonly accessLogsGb: number;
  readonly trailGb: number;
  readonly imagesGb: number;
  /** GB that are logged in a month. */
  readonly appLogsGb: number;
  readonly databaseLogsGb: number;
  readonly flowLogsGb: number;
  /** Thousands of writing and of reading requests to each bucket. */
  readonly bucketWrites: number;
  readonly bucketReads: number;
  /** Million requests to a key of one's own. */
  readonly keyRequests: number;
}

/** The guide's table for "Production Small" says 100 GB of CloudFront, 1 GB of site, 50 GB of uploads. The rest is ours. */
const small: Usage = {
  measure: 'as the guide’s table says',
  siteGb: 100,
  siteRequests: 2,
  apiGb: 10,
  apiRequests: 1,
  outboundGb: 10,
  betweenZonesGb: 20,
  capacityUnits: 0.1,
  extraTasks: 0,
  siteStorageGb: 1,
  uploadsGb: 50,
  accessLogsGb: 2,
  trailGb: 1,
  imagesGb: 5,
  appLogsGb: 5,
  databaseLogsGb: 1,
  flowLogsGb: 2,
  bucketWrites: 50,
  bucketReads: 200,
  keyRequests: 0.1,
};

/** A tenth of it. */
const development: Usage = {
  measure: 'a tenth of the guide’s table for the small production',
  siteGb: 10,
  siteRequests: 0.2,
  apiGb: 1,
  apiRequests: 0.1,
  outboundGb: 2,
  betweenZonesGb: 2,
  capacityUnits: 0.01,
  extraTasks: 0,
  siteStorageGb: 0.1,
  uploadsGb: 5,
  accessLogsGb: 0.2,
  trailGb: 0.1,
  imagesGb: 2,
  appLogsGb: 0.5,
  databaseLogsGb: 0.1,
  flowLogsGb: 0.2,
  bucketWrites: 5,
  bucketReads: 20,
  keyRequests: 0.01,
};

/**
 * The guide gives traffic for the small production only: the medium one is taken to have the same, and, as the guide says "2-4 tasks,
 * auto-scaling", three tasks on average.
 */
export const usageOf: Readonly<Record<Tier, Usage>> = {
  development,
  'production-small': small,
  'production-medium': { ...small, measure: 'the guide’s table for the small production', extraTasks: 1 },
};
