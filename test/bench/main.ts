/** `npm run bench [name …]` prints figures side by side with what a user would have otherwise; without a name, all of them. */
import { build, buildWords } from './build.ts';
import { deploy } from './deploy.ts';
import { provision } from './provision.ts';
import { startup } from './startup.ts';
import { sync, syncWords } from './sync.ts';

interface Bench {
  readonly run: (words: readonly string[]) => Promise<void>;
  /** What else it may be told: `npm run bench sync small minio`. */
  readonly words: readonly string[];
}

const benches: Readonly<Record<string, Bench>> = {
  startup: { run: startup, words: [] },
  deploy: { run: deploy, words: [] },
  sync: { run: sync, words: syncWords },
  provision: { run: provision, words: [] },
  build: { run: build, words: buildWords },
};

const asked = process.argv.slice(2);
const chosen = Object.entries(benches).filter(([name]) => asked.length === 0 || asked.includes(name));
const known = [...Object.keys(benches), ...chosen.flatMap(([, { words }]) => words)];
const unknown = asked.filter((word) => !known.includes(word));
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  process.exit(2);
}
for (const [, { run }] of chosen) await run(asked);
