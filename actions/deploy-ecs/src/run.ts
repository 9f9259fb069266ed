import type { Progress } from '../../../shared/action/progress.ts';
import type { ActionIo, ActionReport } from '../../../shared/action/run.ts';
import { apply } from './apply.ts';
import type { Inputs } from './inputs.ts';
import { hider, type Hide } from '../../../shared/core/masking.ts';
import { observe, type Observed } from './observe.ts';
import { planDeploy, provenRevision, type Plan } from './plan.ts';
import { connectPorts } from './ports.ts';
import { judgePreflight, preflightFailure, preflightLines, provenBy, type Finding } from './preflight.ts';
import { gatherFacts, type PreflightPorts } from './preflight-reads.ts';
import { hiddenAnswer, hiddenFinding, hiddenPlan, hiddenResult, planLines, report } from './report.ts';
import { sensitiveValues } from './task-definition.ts';

/** Everything after the inputs, loaded only when they are good. */
export async function run(inputs: Inputs, io: ActionIo, ports = connectPorts(inputs, io)): Promise<ActionReport> {
  const observed = await observe(inputs, ports);
  const plan = planDeploy(inputs, observed);
  const hide = hider([...sensitiveValues(plan.definition), ...sensitiveValues(observed.running.definition)]);
  // What is shown of the plan and of the preflight is hidden part by part: in a whole line a variable's name would hide what is said of it.
  const shownPlan = hiddenPlan(plan, hide);
  for (const note of shownPlan.notes) io.progress.warn(note);
  for (const line of planLines(shownPlan)) io.progress.info(line);
  const findings = (await preflight(plan, observed, ports)).map((finding) => hiddenFinding(finding, hide));
  for (const line of preflightLines(findings)) io.progress.info(line);
  const refused = preflightFailure(findings);
  // What a rollback goes back to did run: in an emergency these checks warn and hold nothing up.
  if (inputs.rollback && refused !== undefined) io.progress.warn(refused.message);
  const failure = inputs.rollback ? undefined : refused;
  if (inputs.dryRun || failure !== undefined) return report(shownPlan, undefined, { findings, failure });
  const result = await apply(plan, {
    ...ports,
    progress: hiddenProgress(io.progress, hide),
    ask: async (url) => hiddenAnswer(await ports.ask(url), hide),
  });
  return report(shownPlan, hiddenResult(result, hide), { findings, failure });
}

/** Nothing that AWS or a container says gets out past this. */
function hiddenProgress(progress: Progress, hide: Hide): Progress {
  return {
    info: (line) => progress.info(hide(line)),
    warn: (line) => progress.warn(hide(line)),
    follow: (line) => progress.follow(() => hide(line())),
    group: (title, body) => progress.group(hide(title), body),
  };
}

/** Only what will deploy is worth the reads. */
async function preflight(
  { steps, definition, service }: Plan,
  { running }: Observed,
  ports: { readonly preflight: PreflightPorts },
): Promise<readonly Finding[]> {
  if (!steps.some(({ kind }) => kind === 'update-service')) return [];
  const runs = provenRevision(service) === running.arn;
  const proven = runs ? provenBy({ definition: running.definition, service }) : new Set<string>();
  const subject = { definition, service, proven };
  return judgePreflight(subject, await gatherFacts(subject, ports.preflight));
}
