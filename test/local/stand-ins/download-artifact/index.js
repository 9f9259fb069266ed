const { cpSync, existsSync, mkdirSync } = require('node:fs');
const { join, resolve } = require('node:path');

const input = (name) => (process.env[`INPUT_${name.toUpperCase()}`] ?? '').trim();
const source = join(process.env.SLIPWAY_ARTIFACTS ?? '', input('name'));
if (!process.env.SLIPWAY_ARTIFACTS || !existsSync(source)) {
  console.log(`::error::There is no artifact ${input('name')}`);
  process.exit(1);
}
const target = resolve(input('path') || '.');
mkdirSync(target, { recursive: true });
cpSync(source, target, { recursive: true });
console.log(`${input('name')} is in ${target}`);
