/** `npm run bench [name …]` prints figures side by side with what a user would have otherwise; without a name, all of them. */
import { deploy } from './deploy.ts';
import { startup } from './startup.ts';

const benches: Readonly<Record<string, () => Promise<void>>> = { startup, deploy };

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`unknown bench: ${unknown.join(', ')}; there are: ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
for (const [name, bench] of Object.entries(benches)) if (asked.length === 0 || asked.includes(name)) await bench();
