const { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } = require('node:fs');
const { basename, join, resolve } = require('node:path');

const input = (name) => (process.env[`INPUT_${name.toUpperCase()}`] ?? '').trim();
const fail = (message) => {
  console.log(`::error::${message}`);
  process.exit(1);
};

const folder = process.env.SLIPWAY_ARTIFACTS;
if (!folder) fail('SLIPWAY_ARTIFACTS names no folder');
const hidden = input('include-hidden-files') === 'true';
const source = resolve(input('path'));
const target = join(folder, input('name'));
const kept = (path) => hidden || path === source || !basename(path).startsWith('.');

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
if (existsSync(source)) {
  const into = statSync(source).isDirectory() ? target : join(target, basename(source));
  cpSync(source, into, { recursive: true, filter: kept });
}
const count = readdirSync(target, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
if (count === 0) {
  if (input('if-no-files-found') === 'error') fail(`No files were found at ${source}`);
  console.log(`::warning::No files were found at ${source}`);
}
console.log(`${count} files kept as ${input('name')}`);
