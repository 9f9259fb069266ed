import { outputOf, type ActRun } from './act.ts';
import { titles, type PipelineResult } from './pipeline.ts';
import type { Row } from './table.ts';

export interface Facts {
  readonly port: number;
  readonly prepared: number;
  readonly total: number;
}

const seconds = (value: number) => `${value.toFixed(1)} s`;

/** What ran and what it came to, for the closing table. */
export function conclude(result: PipelineResult, facts: Facts): readonly Row[] {
  const { provision, deploy, checks, service } = result;
  const host = new URL(result.siteUrl).host.replace(/\.cloudfront\.net$/, `.cloudfront.localhost:${facts.port}`);
  const digest = outputOf(deploy, titles.build, 'digest');
  return [
    ['infrastructure', infrastructure(provision)],
    ['image', `${digest} (${outputOf(deploy, titles.build, 'outcome')})`],
    ['deployment', outputOf(deploy, titles.deploy, 'outcome')],
    ['tasks', `${service.running} of ${service.desired} running`],
    ['site', site(deploy)],
    ['invalidated', invalidated(deploy)],
    ['identity', `${result.tokens} tokens of the jobs exchanged for roles`],
    ['checks', `${checks.filter((check) => check.held).length} of ${checks.length} held`],
    ['site URL', `http://${host}/`],
    ['API URL', `http://${host}/api/summary`],
    ['prepared', seconds(facts.prepared)],
    ['provisioned', seconds(result.seconds.provisioned)],
    ['deployed', seconds(result.seconds.deployed)],
    ['checked', seconds(result.seconds.checked)],
    ['in all', seconds(facts.total)],
  ];
}

function infrastructure(provision: ActRun): string {
  const changed = outputOf(provision, titles.provision, 'changed') === 'true';
  return changed ? `${outputOf(provision, titles.provision, 'changes')} changes` : 'unchanged';
}

function site(deploy: ActRun): string {
  if (!deploy.jobs.has(titles.publishJob)) return 'unchanged: this very source is published';
  const counts = ['uploaded', 'deleted', 'unchanged'].map(
    (name) => `${outputOf(deploy, titles.publish, name) || '0'} ${name}`,
  );
  return `files: ${counts.join(', ')}`;
}

function invalidated(deploy: ActRun): string {
  const count = Number(outputOf(deploy, titles.invalidate, 'path-count') || '0');
  if (count === 0) return 'nothing';
  const paths = outputOf(deploy, titles.invalidate, 'paths');
  return `${count} ${count === 1 ? 'path' : 'paths'}: ${paths.length > 70 ? `${paths.slice(0, 70)}…` : paths}`;
}
