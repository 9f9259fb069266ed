import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { must, run, succeeds } from './command.ts';
import { aptInstall } from './docker.ts';
import { paths } from './paths.ts';
import { step, type Log } from './progress.ts';

/** The images that the guide's application and its databases stand on. */
const wanted = { python: 'python:3.11-slim', postgres: 'postgres:15-alpine', redis: 'redis:7-alpine' } as const;

const recipes = join(import.meta.dirname, 'images');
const caBundle = '/etc/ssl/certs/ca-certificates.crt';
const recipeLabel = 'slipway.local.recipe';

/** To be raised when the commands below change: images of an older recipe are made anew. */
const edition = '1';
const recipe = createHash('sha256')
  .update(edition)
  .update(readFileSync(join(recipes, 'python.sh')))
  .update(readFileSync(join(recipes, 'postgres.sh')))
  .update(readFileSync(join(recipes, 'redis.sh')))
  .digest('hex')
  .slice(0, 16);

/** Base images: those that are there, else pulled, else made from Debian's own packages. */
export async function prepareImages(log: Log): Promise<void> {
  const missing: string[] = [];
  for (const image of Object.values(wanted)) if (!(await isUsable(image))) missing.push(image);
  if (missing.length === 0) return;

  const unreachable: string[] = [];
  for (const image of missing) {
    // One refusal is enough: the others come from the same registry.
    if (unreachable.length > 0 || !(await pulled(image, log))) unreachable.push(image);
  }
  if (unreachable.length === 0) return;

  log(
    `No registry in reach: ${unreachable.join(', ')} made here from Debian 12 packages, with this machine's CA bundle and nothing else of it`,
  );
  await requireDebian12();
  const base = `slipway-local/debian-python:${recipe}`;
  if (!(await present(base))) await step(log, `Image: Debian 12 with Python 3.11`, () => makePython(base));
  if (unreachable.includes(wanted.python)) await must('docker', ['tag', base, wanted.python]);
  const databases = unreachable.filter((image) => image !== wanted.python);
  if (databases.length > 0) await step(log, `Images: PostgreSQL 15 and Redis 7`, () => makeDatabases(base, databases));
  await removeOlderEditions();
}

/** Best effort: an image that a container still uses stays. */
async function removeOlderEditions(): Promise<void> {
  const { stdout } = await run('docker', ['images', '--format', '{{.Repository}}:{{.Tag}}', 'slipway-local/*']);
  const older = stdout.split(/\s+/).filter((name) => name && !name.endsWith(`:${recipe}`));
  if (older.length > 0) await run('docker', ['rmi', ...older]);
  for (const file of readdirSync(paths.images)) {
    if (file.endsWith('.tar') && !file.includes(recipe)) rmSync(join(paths.images, file));
  }
}

async function present(image: string): Promise<boolean> {
  return succeeds('docker', ['image', 'inspect', image]);
}

/** There, and not one that an older recipe made here. */
async function isUsable(image: string): Promise<boolean> {
  const found = await run('docker', [
    'image',
    'inspect',
    '--format',
    `{{index .Config.Labels "${recipeLabel}"}}`,
    image,
  ]);
  return found.code === 0 && ['', '<no value>', recipe].includes(found.stdout.trim());
}

async function pulled(image: string, log: Log): Promise<boolean> {
  const result = await run('docker', ['pull', '--quiet', image], { timeout: 90_000 });
  if (result.code === 0) log(`Image ${image}: pulled`);
  return result.code === 0;
}

async function requireDebian12(): Promise<void> {
  const os = readFileSync('/etc/os-release', 'utf8');
  if (/^VERSION_CODENAME=bookworm$/m.test(os) && process.getuid?.() === 0) return;
  throw new Error(
    `The images ${Object.values(wanted).join(', ')} can neither be pulled nor made here (that needs root on Debian 12). ` +
      'Load them with `docker load`, or let the daemon reach a registry, then run this again.',
  );
}

/** The host's own package sources, so that no mirror is named in this repository. */
async function sourcesOfHost(): Promise<string> {
  const format = '$(CREATED_BY) deb $(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)';
  const targets = await must('apt-get', ['indextargets', '--format', format]);
  const lines = targets
    .split('\n')
    .filter((line) => line.startsWith('Packages deb ') && line.endsWith(' Debian'))
    .map((line) => line.slice('Packages '.length, -' Debian'.length));
  if (lines.length > 0) return `${lines.join('\n')}\n`;
  await must('apt-get', ['update', '-qq']);
  throw new Error('apt names no Debian package source; run `apt-get update`, then this again.');
}

async function makePython(image: string): Promise<void> {
  mkdirSync(paths.images, { recursive: true });
  const archive = join(paths.images, `python-${recipe}.tar`);
  if (!existsSync(archive)) {
    if (!(await succeeds('mmdebstrap', ['--version']))) await aptInstall(['mmdebstrap', 'ca-certificates']);
    if (!existsSync('/var/lib/apt/lists') || !(await succeeds('sh', ['-c', 'ls /var/lib/apt/lists/*Packages*']))) {
      await must('apt-get', ['update', '-qq']);
    }
    const sources = join(paths.images, 'sources.list');
    writeFileSync(sources, await sourcesOfHost());
    const partial = `${archive}.partial`;
    const excluded = ['man', 'doc', 'info', 'locale'].map((what) => `--dpkgopt=path-exclude=/usr/share/${what}/*`);
    await must('mmdebstrap', [
      '--quiet',
      '--variant=apt',
      '--format=tar',
      '--include=ca-certificates,netbase,tzdata,python3-venv,python3-distutils,python3-pip-whl',
      '--dpkgopt=force-unsafe-io',
      ...excluded,
      `--customize-hook=copy-in ${caBundle} /etc/ssl/certs`,
      `--customize-hook=upload ${join(recipes, 'python.sh')} /python.sh`,
      '--customize-hook=chroot "$1" sh /python.sh',
      '--customize-hook=rm "$1/python.sh"',
      'bookworm',
      partial,
      sources,
    ]);
    renameSync(partial, archive);
  }
  const environment = [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'LANG=C.UTF-8',
    `SSL_CERT_FILE=${caBundle}`,
    `PIP_CERT=${caBundle}`,
  ].map((entry) => `ENV ${entry}`);
  const changes = [...environment, 'CMD ["python3"]', `LABEL ${recipeLabel}=${recipe}`].flatMap((change) => [
    '-c',
    change,
  ]);
  await must('docker', ['import', ...changes, archive, image]);
}

/**
 * One container installs both servers, with the host's package sources mounted for as long as that takes and
 * absent from the result; two small images on top differ in their entry point alone.
 */
async function makeDatabases(base: string, images: readonly string[]): Promise<void> {
  const servers = `slipway-local/databases:${recipe}`;
  if (!(await present(servers))) {
    const name = `slipway-local-databases-${process.pid}`;
    const install = [
      'set -e',
      'export DEBIAN_FRONTEND=noninteractive APT_CONFIG=/tmp/apt.conf',
      `echo 'Dir::Etc "/host/apt";' > /tmp/apt.conf`,
      'mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf',
      'apt-get update -qq',
      'apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-unsafe-io postgresql-15 redis-server gosu',
      'rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /tmp/*',
    ].join('; ');
    const mounts = ['/etc/apt:/host/apt:ro', '/usr/share/keyrings:/usr/share/keyrings:ro'].flatMap((mount) => [
      '-v',
      mount,
    ]);
    try {
      await must('docker', ['run', '--name', name, '--network', 'host', ...mounts, base, 'sh', '-c', install]);
      await must('docker', ['commit', name, servers]);
    } finally {
      await run('docker', ['rm', '-f', '-v', name]);
    }
  }
  for (const image of images) {
    const server = image === wanted.postgres ? 'postgres' : 'redis';
    const context = join(paths.images, server);
    rmSync(context, { recursive: true, force: true });
    mkdirSync(context, { recursive: true });
    copyFileSync(join(recipes, `${server}.sh`), join(context, 'docker-entrypoint.sh'));
    const command = server === 'postgres' ? 'postgres' : 'redis-server';
    const lines = [
      `FROM ${servers}`,
      'COPY docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh',
      'RUN chmod 755 /usr/local/bin/docker-entrypoint.sh && mkdir -p /data && chown redis:redis /data',
      'ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'ENTRYPOINT ["docker-entrypoint.sh"]',
      `CMD ["${command}"]`,
      `LABEL ${recipeLabel}=${recipe}`,
    ];
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
    await must('docker', ['build', '-q', '-t', image, context], { env: { ...process.env, DOCKER_BUILDKIT: '0' } });
  }
}
