import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { must, run } from './command.ts';
import { locked } from './lock.ts';
import { paths } from './paths.ts';
import { step, type Log } from './progress.ts';

interface GoModule {
  readonly path: string;
  readonly version: string;
  /** Program → its package within the module. */
  readonly programs: Readonly<Record<string, string>>;
}

/** Exact versions: a program is built once for each of them. */
const modules = {
  buildkit: {
    path: 'github.com/moby/buildkit',
    version: 'v0.34.2',
    programs: {
      buildkitd: 'cmd/buildkitd',
      buildctl: 'cmd/buildctl',
      // What `# syntax=docker/dockerfile:1` names.
      'dockerfile-frontend': 'frontend/dockerfile/cmd/dockerfile-frontend',
    },
  },
  buildx: { path: 'github.com/docker/buildx', version: 'v0.38.2', programs: { buildx: 'cmd/buildx' } },
} as const satisfies Record<string, GoModule>;

export type GoProgram = 'buildkitd' | 'buildctl' | 'dockerfile-frontend' | 'buildx';

/** Why something cannot be had here; what needs it is skipped, and says so. */
export interface Skipped {
  readonly skipped: string;
}

/** Where each program is. Those that were never built here are built now, from the Go module proxy: that takes minutes. */
export async function goPrograms<Name extends GoProgram>(
  names: readonly Name[],
  log: Log,
): Promise<Readonly<Record<Name, string>> | Skipped> {
  const found: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const module = moduleOf(name);
    const file = join(paths.goPrograms, `${module.path.split('/').at(-1) ?? ''}-${module.version}`, name);
    const problem = existsSync(file) ? undefined : await locked(paths.goLock, () => build(name, { module, file, log }));
    if (problem !== undefined) return problem;
    found[name] = file;
  }
  return found as Record<Name, string>;
}

function moduleOf(name: GoProgram): GoModule {
  const found = Object.values(modules).find(({ programs }) => Object.hasOwn(programs, name));
  if (found === undefined) throw new Error(`no module has ${name}`);
  return found;
}

interface Order {
  readonly module: GoModule;
  readonly file: string;
  readonly log: Log;
}

/** Go or the proxy out of reach is a reason; a build that fails is an error. */
async function build(name: GoProgram, { module, file, log }: Order): Promise<Skipped | undefined> {
  // Another process may have built it while this one waited for the lock.
  if (existsSync(file)) return undefined;
  const go = await run('go', ['version']);
  if (go.code !== 0) return { skipped: `${name} is built by Go, and there is no "go" command here` };
  mkdirSync(dirname(file), { recursive: true });
  const scratch = mkdtempSync(`${file}-`);
  try {
    const options = {
      cwd: scratch,
      env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-modcacherw' },
    };
    const source = `${module.path}/${module.programs[name] ?? ''}`;
    await must('go', ['mod', 'init', 'slipway.local/programs'], options);
    // Silent for that long, a proxy is as good as none.
    const got = await run('go', ['get', `${source}@${module.version}`], { ...options, idleTimeout: 120_000 });
    if (got.code !== 0) {
      const reason = got.stderr.trim().split('\n').at(-1) ?? '';
      return { skipped: `${name} ${module.version} could not be had from the Go module proxy: ${reason}` };
    }
    const built = join(scratch, name);
    const version = `-X ${module.path}/version.Version=${module.version}`;
    await step(log, `${name} ${module.version}: building it from the Go module proxy, once`, () =>
      // Other tests run beside it, and some of them look at the clock.
      must(
        'nice',
        ['-n', '15', 'go', 'build', '-trimpath', '-ldflags', `-s -w ${version}`, '-o', built, source],
        options,
      ),
    );
    renameSync(built, file);
    return undefined;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
