import type { Answer, Cloud } from './cloud.ts';

export interface Check {
  readonly what: string;
  readonly held: boolean;
  readonly found: string;
}

export interface Deployed {
  readonly siteUrl: string;
  readonly distributionId: string;
  readonly bucket: string;
  readonly cluster: string;
  readonly service: string;
  readonly repository: string;
  readonly imageDigest: string;
}

/** Scripts, styles, icons and preloads that a page names on its own host. */
export function assetsOf(html: string): readonly string[] {
  const found = new Set<string>();
  for (const [, path = ''] of html.matchAll(/<(?:script|link|img)\b[^>]*?\b(?:src|href)="([^"]+)"/g)) {
    if (!/^([a-z]+:|\/\/|#)/i.test(path)) found.add(path);
  }
  return [...found];
}

/** Everything that has to hold at the end, each looked up afresh: nothing here believes what a step printed. */
export async function verify(cloud: Cloud, deployed: Deployed): Promise<readonly Check[]> {
  return [...(await site(cloud, deployed)), ...(await api(cloud, deployed)), ...(await tasks(cloud, deployed))];
}

async function site(cloud: Cloud, { siteUrl, bucket }: Deployed): Promise<readonly Check[]> {
  const plain = await cloud.fetch(new URL('/', siteUrl).href.replace(/^https/, 'http'));
  const page = await cloud.fetch(new URL('/', siteUrl).href);
  const checks = [
    check('site: plain HTTP is sent to HTTPS', plain.status === 301, seen(plain)),
    check('site: the page', page.status === 200 && page.text.includes('<html'), seen(page)),
  ];
  const assets = assetsOf(page.text);
  const broken: string[] = [];
  for (const asset of assets) {
    const answer = await cloud.fetch(new URL(asset, siteUrl).href);
    if (answer.status !== 200 || /html/.test(answer.type)) broken.push(`${asset} ${seen(answer)}`);
  }
  const right = assets.length > 0 && broken.length === 0;
  checks.push(check('site: every asset it names', right, broken.join(', ') || `${assets.length} assets`));
  const deep = await cloud.fetch(new URL('/datasets/deep/link', siteUrl).href);
  checks.push(check('site: a deep link is the page', deep.status === 200 && deep.text === page.text, seen(deep)));
  const keys = (await cloud.objects(bucket)).filter((key) => !key.startsWith('.releases/'));
  const all = assets.every((asset) => keys.includes(asset.replace(/^\.?\//, '')));
  checks.push(check('site: its files are in the bucket', keys.includes('index.html') && all, `${keys.length} files`));
  return checks;
}

async function api(cloud: Cloud, { siteUrl, distributionId }: Deployed): Promise<readonly Check[]> {
  const { apiHost, apiHeaders } = await cloud.distribution(distributionId);
  const balancer = `http://127.0.0.1:${cloud.emulator.port}/_alb/${balancerName(apiHost)}`;
  const health = await cloud.fetch(`${balancer}/health`, apiHeaders);
  const checks = [check('API through the load balancer: /health', health.status === 200, seen(health))];
  const stranger = await cloud.fetch(`${balancer}/health`);
  checks.push(check('API: the load balancer refuses others than CloudFront', stranger.status === 403, seen(stranger)));

  const url = new URL('/api/summary', siteUrl).href;
  const answers = [await cloud.fetch(url), await cloud.fetch(url)];
  const sources = answers.map(sourceOf);
  const [first = '', second = ''] = sources;
  const read = ['database', 'cache'].includes(first);
  checks.push(check('API through CloudFront: a query of PostgreSQL', read, `${seen(answers[0])} from ${first}`));
  checks.push(check('API: the second time from Redis', second === 'cache', `${seen(answers[1])} from ${second}`));
  return checks;
}

/** `name-1a2b3c4d.us-east-1.elb.amazonaws.com` → `name` */
export const balancerName = (host: string) => host.split('.')[0]?.replace(/-[0-9a-z]+$/, '') ?? '';

function sourceOf(answer: Answer): string {
  try {
    const body = JSON.parse(answer.text) as { source?: unknown };
    return typeof body.source === 'string' ? body.source : 'nowhere';
  } catch {
    return 'nowhere';
  }
}

async function tasks(cloud: Cloud, deployed: Deployed): Promise<readonly Check[]> {
  const service = await cloud.service(deployed.cluster, deployed.service);
  const running = service.desired > 0 && service.running === service.desired;
  const byDigest = service.images.every((image) => image.endsWith(`@${deployed.imageDigest}`));
  const tags = await cloud.imageTags(deployed.repository);
  const latest = [...tags, ...service.images.map((image) => image.split(':').at(-1))].includes('latest');
  return [
    check('tasks: as many run as are wanted', running, `${service.running} of ${service.desired}`),
    check('tasks: they run the image that was built, by digest', byDigest, service.images.join(', ')),
    check('image: no tag `latest` anywhere', !latest, tags.join(', ')),
  ];
}

const seen = (answer?: Answer) => `${answer?.status ?? 0} ${answer?.type.split(';')[0] ?? ''}`.trim();
const check = (what: string, held: boolean, found: string): Check => ({ what, held, found });
