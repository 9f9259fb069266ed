import { apply, type ApplyPorts } from '../../actions/invalidate-cdn/src/apply.ts';
import type { Inputs } from '../../actions/invalidate-cdn/src/inputs.ts';
import { observe } from '../../actions/invalidate-cdn/src/observe.ts';
import { planInvalidation } from '../../actions/invalidate-cdn/src/plan.ts';
import { reportInvalidation } from '../../actions/invalidate-cdn/src/report.ts';
import { cdn } from '../../shared/aws/cloudfront.ts';
import { sdkConfig } from '../../shared/aws/sdk-config.ts';
import { FakeBucket, silentProgress } from '../shell/sync-frontend.fakes.ts';
import { CloudFrontStub } from './cloudfront-stub.ts';
import { VirtualClock } from './virtual-clock.ts';

export const distributionId = 'E1EXAMPLE';
export const publication = '3-0123456789abcdef';

const base: Inputs = {
  region: 'us-east-1',
  roleToAssume: undefined,
  roleSessionName: 'slipway',
  roleDurationSeconds: 3600,
  dryRun: false,
  distribution: { id: distributionId },
  paths: ['/', '/index.html'],
  maxPaths: 15,
  queryStrings: false,
  publication,
  record: { bucket: 'site', prefix: 'app/' },
  wait: true,
  waitTimeoutMinutes: 15,
};

/** The action on a strict CloudFront, by the real SDK, in virtual time. */
export class InvalidateWorld {
  readonly stub: CloudFrontStub;
  readonly clock: VirtualClock;
  readonly store = new FakeBucket();
  readonly lines: string[] = [];
  readonly ports: ApplyPorts;
  readonly cancelled = new AbortController();
  /** How far the runner's clock is ahead of CloudFront's, in milliseconds. */
  skew = 0;
  /** As `Math.random`: the longest pause by default. */
  random = (): number => 1;

  private constructor(stub: CloudFrontStub, clock: VirtualClock) {
    this.stub = stub;
    this.clock = clock;
    const config = {
      ...sdkConfig(
        { region: 'us-east-1', roleSessionName: 'slipway', roleDurationSeconds: 3600 },
        { idToken: () => Promise.reject(new Error('unused')), mask: () => undefined },
      ),
      // What waits is the action, in virtual time.
      maxAttempts: 1,
      endpoint: stub.endpoint,
      credentials: async () => ({ accessKeyId: 'test', secretAccessKey: 'test' }),
    };
    this.ports = {
      cdn: cdn(config),
      store: this.store,
      clock: { now: () => clock.now() + this.skew, sleep: (ms, signal) => clock.sleep(ms, signal) },
      random: () => this.random(),
      progress: silentProgress(this.lines),
      signal: this.cancelled.signal,
    };
  }

  static async start(): Promise<InvalidateWorld> {
    const clock = new VirtualClock(new Date('2026-11-24T12:00:00Z'));
    const stub = await CloudFrontStub.start(() => clock.now());
    stub.add({ id: distributionId, aliases: ['www.example.com', 'example.com'] });
    return new InvalidateWorld(stub, clock);
  }

  /** What was asked and what was answered, anew since the last look. */
  asked(): readonly string[] {
    const calls = this.stub.calls.map(({ operation, answer }) => `${operation} ${answer}`);
    this.stub.calls.length = 0;
    return calls;
  }

  /** Of the invalidations there are, oldest first. */
  get sent(): readonly (readonly string[])[] {
    return this.stub.invalidations.map(({ paths }) => paths);
  }

  async run(changes: Partial<Inputs> = {}, occasion = 'process') {
    const inputs = { ...base, ...changes };
    const plan = planInvalidation(inputs, await observe(inputs, this.ports), occasion);
    const result = inputs.dryRun || plan.kind === 'nothing' ? undefined : await apply(plan, this.ports);
    return reportInvalidation(plan, result);
  }
}
