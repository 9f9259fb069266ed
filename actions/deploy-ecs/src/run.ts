import type { ActionIo, ActionReport } from '../../../shared/action/run.ts';
import { apply } from './apply.ts';
import type { Inputs } from './inputs.ts';
import { observe, type Observed } from './observe.ts';
import { planDeploy, provenRevision, type Plan } from './plan.ts';
import { connectPorts } from './ports.ts';
import { judgePreflight, preflightFailure, preflightLines, secretReferences, type Finding } from './preflight.ts';
import { gatherFacts, type PreflightPorts } from './preflight-reads.ts';
import { planLines, report } from './report.ts';

/** Everything after the inputs, loaded only when they are good. */
export async function run(inputs: Inputs, io: ActionIo, ports = connectPorts(inputs, io)): Promise<ActionReport> {
  const observed = await observe(inputs, ports);
  const plan = planDeploy(inputs, observed);
  for (const note of plan.notes) io.progress.warn(note);
  for (const line of planLines(plan)) io.progress.info(line);
  const findings = await preflight(plan, observed, ports);
  for (const line of preflightLines(findings)) io.progress.info(line);
  const refused = preflightFailure(findings);
  // What a rollback goes back to did run: in an emergency these checks warn and hold nothing up.
  if (inputs.rollback && refused !== undefined) io.progress.warn(refused.message);
  const failure = inputs.rollback ? undefined : refused;
  const result = inputs.dryRun || failure !== undefined ? undefined : await apply(plan, ports);
  return report(plan, result, { findings, failure });
}

/** Only what will deploy is worth the reads. */
async function preflight(
  { steps, definition, service }: Plan,
  { running }: Observed,
  ports: { readonly preflight: PreflightPorts },
): Promise<readonly Finding[]> {
  if (!steps.some(({ kind }) => kind === 'update-service')) return [];
  const proven = provenRevision(service) === running.arn ? secretReferences({ ...running, service }) : [];
  const subject = { definition, service, proven: new Set(proven.map(({ from }) => from)) };
  return judgePreflight(subject, await gatherFacts(subject, ports.preflight));
}
