import type { ActionIo, ActionReport } from '../../../shared/action/run.ts';
import { apply } from './apply.ts';
import { observe, observeLocally, type Asked } from './observe.ts';
import { planBuild } from './plan.ts';
import { connectLocalPorts, connectPorts } from './ports.ts';
import { buildWarnings } from './preflight.ts';
import { archiveLines, planLines, report, reportArchive } from './report.ts';
import { requireArchivable, writeArchive } from './write-archive.ts';

/** Everything after the inputs, loaded only when they are good. */
export async function run(asked: Asked, io: ActionIo): Promise<ActionReport> {
  const { inputs } = asked;
  if (inputs.archiveTo !== undefined) return runArchive(asked, inputs.archiveTo, io);
  const ports = connectPorts(inputs, io);
  const observed = await observe(asked, ports, io.progress);
  const plan = planBuild(inputs, observed);
  for (const line of planLines(plan)) io.progress.info(line);
  for (const warning of plan.warnings) io.progress.warn(warning);
  const work = { inputs, observed, plan };
  return report(work, inputs.dryRun ? undefined : await apply(work, ports, io.progress));
}

/** No AWS client is even made. */
async function runArchive(asked: Asked, archive: string, io: ActionIo): Promise<ActionReport> {
  const { inputs } = asked;
  const ports = connectLocalPorts(inputs, io);
  const observed = await observeLocally(asked, ports, io.progress);
  const work = { inputs, observed, archive };
  requireArchivable(work);
  for (const line of archiveLines(work)) io.progress.info(line);
  for (const warning of buildWarnings(inputs, observed)) io.progress.warn(warning);
  return reportArchive(work, inputs.dryRun ? undefined : await writeArchive(work, ports, io.progress));
}
