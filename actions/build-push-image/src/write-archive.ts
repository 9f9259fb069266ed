import { dirname } from 'node:path';
import type { Progress } from '../../../shared/action/progress.ts';
import type { Clock } from '../../../shared/core/clock.ts';
import { humanBytes } from '../../../shared/core/clock.ts';
import { ActionError } from '../../../shared/core/errors.ts';
import { buildCommand, type Output } from './build-command.ts';
import { buildError, builtFrom, failed, pinBases, stream, type Shell } from './building.ts';
import { isOutsideDaemon } from './builder.ts';
import { failedStep } from './failed-step.ts';
import { sourceTagPrefix, type Inputs } from './inputs.ts';
import type { LocallyObserved, LocalPorts } from './observe.ts';
import { requireBuildable } from './preflight.ts';

export interface ArchivePorts extends LocalPorts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface ArchiveWork {
  readonly inputs: Inputs;
  readonly observed: LocallyObserved;
  readonly archive: string;
}

export interface ArchiveResult {
  readonly bytes: number;
  readonly ms: number;
  readonly failure: ActionError | undefined;
}

/** The name by which the run that pushes knows what it was built from. */
function archivedName({ inputs, observed }: ArchiveWork): { readonly repository: string; readonly tag: string } {
  return { repository: inputs.repository, tag: `${sourceTagPrefix}${observed.source.hash}` };
}

export function requireArchivable({ inputs, observed }: ArchiveWork): void {
  requireBuildable(inputs, observed);
}

/** Builds the image and writes it to the archive, with nobody's credentials. */
export async function writeArchive(work: ArchiveWork, ports: ArchivePorts, progress: Progress): Promise<ArchiveResult> {
  const started = ports.clock.now();
  const done = (bytes: number, failure?: ActionError): ArchiveResult => ({
    bytes,
    ms: ports.clock.now() - started,
    failure,
  });
  try {
    const bytes = await build(work, ports, { docker: ports.docker, progress, env: {} });
    progress.info(`Wrote ${work.archive}, ${humanBytes(bytes)}`);
    return done(bytes);
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    return done(0, error);
  }
}

async function build(work: ArchiveWork, { files, signal }: ArchivePorts, shell: Shell): Promise<number> {
  const { inputs, observed, archive } = work;
  const { builder, source } = observed;
  const { repository, tag } = archivedName(work);
  const output: Output = isOutsideDaemon(builder) ? { kind: 'archive', path: archive } : { kind: 'daemon' };
  await files.makeDirectory(dirname(archive));
  await pinBases(observed, shell);
  signal.throwIfAborted();
  const { bases, syntax, contexts } = source;
  const command = buildCommand({
    inputs,
    builder,
    repository,
    tag,
    bases,
    syntax,
    contexts,
    fresh: inputs.force,
    cache: false,
    output,
  });
  const built = await stream(`Building ${inputs.file} into ${archive}`, command, shell);
  if (!built.ok) throw await buildError(failedStep(built, builtFrom(work)), work, files);
  signal.throwIfAborted();
  if (output.kind === 'daemon') {
    const save = { args: ['save', '--output', archive, `${repository}:${tag}`], env: {} };
    const saved = await stream(`Saving ${archive}`, save, shell);
    if (!saved.ok) throw failed('ArchiveFailed', 'docker could not write the archive', saved);
  }
  const bytes = (await files.sizeOf(archive)) ?? 0;
  if (bytes === 0) {
    throw new ActionError(
      'ArchiveFailed',
      `docker reported success, but there is nothing in ${JSON.stringify(archive)}.`,
    );
  }
  return bytes;
}
