import { parseArgs } from 'node:util';
import { ScriptedRegistry } from './scripted-registry.ts';

/**
 * The registry as a process of its own, so that what is timed does not share a thread with it:
 * `node test/kit/scripted-registry-server.ts --port 5000 --latency 25 --repository app`. Prints its endpoint. A parent that forked it can
 * send `count` (answered with requests by operation and bytes, and forgets them), `keep`, and `restore` (the repositories as at `keep`).
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    latency: { type: 'string', default: '0' },
    repository: { type: 'string', multiple: true, default: [] },
  },
});
const registry = await ScriptedRegistry.start({
  port: Number(values.port),
  latencyMs: Number(values.latency),
  repositories: Object.fromEntries(values.repository.map((name) => [name, {}])),
});
let kept = registry.store.snapshot();

process.on('message', (message) => {
  if (message === 'count') {
    process.send?.({ ecr: registry.counts('ecr'), v2: registry.counts('v2'), bytes: registry.traffic() });
    registry.forget();
  } else {
    if (message === 'keep') kept = registry.store.snapshot();
    else if (message === 'restore') registry.store.restore(kept);
    process.send?.('done');
  }
});
const stop = (): void => void registry.stop().then(() => process.exit());
process.on('disconnect', stop).on('SIGTERM', stop).on('SIGINT', stop);
console.log(registry.endpoint);
