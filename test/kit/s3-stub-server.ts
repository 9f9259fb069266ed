import { parseArgs } from 'node:util';
import { S3Stub, type Snapshot } from './s3-stub.ts';

/**
 * The stub as a process of its own: `node test/kit/s3-stub-server.ts --port 9000 --latency 25 --bucket site`. Prints its endpoint.
 * A parent that forked it can send `count` (answered with requests by operation, and forgets them), `keep`, and `restore` (the
 * buckets as they were at `keep`).
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    latency: { type: 'string', default: '0' },
    bucket: { type: 'string', multiple: true, default: [] },
    'verify-bodies': { type: 'boolean', default: false },
    'drop-bodies': { type: 'boolean', default: false },
  },
});
const stub = await S3Stub.start({
  port: Number(values.port),
  latencyMs: Number(values.latency),
  buckets: values.bucket,
  verifyBodies: values['verify-bodies'],
  keepBodies: !values['drop-bodies'],
});
let kept: Snapshot = stub.snapshot();

process.on('message', (message) => {
  if (message === 'count') {
    process.send?.(stub.counts());
    stub.forget();
  } else {
    if (message === 'keep') kept = stub.snapshot();
    else if (message === 'restore') stub.restore(kept);
    process.send?.('done');
  }
});
process.on('disconnect', () => process.exit());
console.log(stub.endpoint);
