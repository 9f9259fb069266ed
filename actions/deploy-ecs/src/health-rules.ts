import type { Facts, Finding, Rule } from './facts.ts';
import { slowAnswer, type HealthAnswer } from './health.ts';
import { corsReading, misplaced, readLog } from './log-rules.ts';

/** What the answer of `health-check-url` tells, most telling first. */

const noAnswer = (
  name: string,
  pattern: RegExp,
  explain: (host: string, facts: Facts) => Omit<Finding, 'what'>,
): Rule => ({
  name,
  find: (facts) => {
    const { health } = facts;
    if (health === undefined || health.answer.status !== 0 || !pattern.test(health.answer.body)) return undefined;
    const host = hostOf(health.url);
    return { what: `No answer from ${host}: ${health.answer.body}`, ...explain(host, facts) };
  },
});

const answered = (
  name: string,
  matches: (answer: HealthAnswer) => boolean,
  explain: (facts: Facts, answer: HealthAnswer) => Omit<Finding, 'what'> | undefined,
): Rule => ({
  name,
  find: (facts) => {
    const answer = facts.health?.answer;
    if (facts.health === undefined || answer === undefined || answer.status === 0 || !matches(answer)) return undefined;
    const explained = explain(facts, answer);
    const said = answer.status >= 200 && answer.status < 300 ? 'answers slowly' : `answers ${answer.status}`;
    return explained === undefined ? undefined : { what: `${hostOf(facts.health.url)} ${said}`, ...explained };
  },
});

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

/** What target health says at that moment, for the codes that the load balancer itself answers with. */
function targetText({ unhealthy, names }: Facts): string {
  const [target] = unhealthy;
  return target === undefined
    ? ''
    : `; ${names.targetGroup} has a target that is ${target.state}${target.reason === '' ? '' : ` (${target.reason})`}`;
}

const port = ({ names }: Facts): number | string => names.port ?? 'containerPort';

/** Names of Node's errors: https://nodejs.org/api/errors.html#common-system-errors and /tls.html#x509-certificate-error-codes */
export const healthRules: readonly Rule[] = [
  noAnswer('health-dns', /ENOTFOUND|EAI_AGAIN|EAI_NODATA/, (host, facts) => ({
    cause: `the name ${host} is not known (DNS)`,
    fix: `Create the DNS record of ${host} for the load balancer of ${facts.names.targetGroup}, or correct health-check-url`,
  })),
  noAnswer('health-refused', /ECONNREFUSED/, (host) => ({
    cause: `nothing listens at ${host}: the load balancer has no listener on that port`,
    fix: 'Add the listener (443 with a certificate, or 80), or correct scheme and port of health-check-url',
  })),
  noAnswer('health-certificate-expired', /CERT_HAS_EXPIRED|certificate has expired/i, (host) => ({
    cause: `the TLS certificate of ${host} has expired`,
    fix: 'Renew it: an ACM certificate renews itself only while it is in use and its validation record stands in DNS',
  })),
  noAnswer('health-certificate-name', /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate/i, (host) => ({
    cause: `the TLS certificate is for other names than ${host}`,
    fix: `Give the listener (or CloudFront) a certificate for ${host}, or ask under a name of the certificate`,
  })),
  noAnswer(
    'health-certificate-issuer',
    /self[- ]signed|UNABLE_TO_VERIFY|unable to (?:verify|get)|UNABLE_TO_GET_ISSUER|DEPTH_ZERO/i,
    (host) => ({
      cause: `the TLS certificate of ${host} is of no known issuer, or its chain is not whole`,
      fix: 'Use a certificate of ACM or another public issuer, with the intermediate ones',
    }),
  ),
  noAnswer('health-tls', /wrong version number|EPROTO|ERR_SSL|handshake/i, (host) => ({
    cause: `${host} does not speak TLS as it should on that port: most often https:// is asked of a port that speaks HTTP`,
    fix: 'Correct the scheme or the port of health-check-url, or the protocol of the listener',
  })),
  noAnswer('health-timeout', /timed? ?-?out|aborted/i, (host, facts) => ({
    cause: `${host} did not answer in time: a security group drops the packets of the runner, the load balancer is internal, or the program hangs${targetText(facts)}`,
    fix: `Let the runner’s network in on the load balancer’s security group (an internal one needs a runner in the VPC); otherwise look for slow start or slow queries in the log group ${facts.names.logGroup}`,
    ...loggedIn(facts),
  })),
  noAnswer('health-reset', /ECONNRESET|EPIPE|socket|other side closed|UND_ERR_SOCKET|terminated/i, (host, facts) => ({
    cause: `${host} closed the connection without an answer${targetText(facts)}`,
    fix: `Check scheme and port of health-check-url, and that the program keeps connections open longer than the load balancer (keep-alive above its idle time-out)`,
    ...loggedIn(facts),
  })),
  noAnswer('health-no-answer', /(?:)/, (host, facts) => ({
    cause: `the connection to ${host} failed for the reason quoted${targetText(facts)}`,
    fix: 'Correct health-check-url, or make that host reachable from the runner',
  })),
  answered(
    'health-s3-denied',
    ({ status, body, server }) =>
      status === 403 && (/<Code>AccessDenied<\/Code>/.test(body) || /AmazonS3/i.test(server ?? '')),
    () => ({
      cause:
        'S3 refused it: the bucket’s policy does not let CloudFront read, or there is no such object (without ListBucket a missing one is a 403 too)',
      fix: 'Let the bucket policy allow s3:GetObject to the principal cloudfront.amazonaws.com with aws:SourceArn of the distribution; correct the path of health-check-url',
    }),
  ),
  answered(
    'health-cors',
    ({ body }) => /disallowed CORS|CORS .*(?:not allowed|denied|blocked)/i.test(body),
    (facts, { body }) => corsReading(body, facts),
  ),
  answered(
    'health-502',
    ({ status }) => status === 502,
    (facts) => ({
      cause: `the load balancer got no usable answer from a task (502 Bad Gateway)${targetText(facts)}: the program listens on another port or on 127.0.0.1, or closes the connection`,
      fix: `Listen on 0.0.0.0:${port(facts)}, look at the log group ${facts.names.logGroup} and at the health check of ${facts.names.targetGroup}`,
      ...loggedIn(facts),
    }),
  ),
  answered(
    'health-503',
    ({ status }) => status === 503,
    (facts) => ({
      cause:
        facts.unhealthy.length === 0
          ? `the load balancer has no target to forward to, or the program itself says that it is not ready (503)`
          : `no target is healthy (503)${targetText(facts)}`,
      fix: `Look at the targets of ${facts.names.targetGroup} and at the rule that forwards to it; if the program answers 503, its log names what it waits for`,
      ...loggedIn(facts),
    }),
  ),
  answered(
    'health-504',
    ({ status }) => status === 504,
    (facts) => ({
      cause: `a task took longer than the load balancer’s idle time-out to answer, or a security group drops its packets (504)${targetText(facts)}`,
      fix: `Let the load balancer’s security group in on port ${port(facts)} of ${facts.names.securityGroup}; make the path answer fast: a health check should not wait for slow queries`,
      ...loggedIn(facts),
    }),
  ),
  answered(
    'health-redirect',
    ({ status }) => status >= 300 && status < 400,
    (_, { location }) => ({
      cause: `it redirects${location === undefined ? '' : ` to ${location}`}, which is another host or never ends`,
      fix: 'Set health-check-url to the address that answers 2xx itself; a sign-in page is no health check',
    }),
  ),
  answered(
    'health-401',
    ({ status }) => status === 401 || status === 407,
    () => ({
      cause: 'the path asks for a sign-in',
      fix: 'Ask a path that answers without one, like /health',
    }),
  ),
  answered(
    'health-403',
    ({ status }) => status === 403,
    (_, { server }) => ({
      cause: /cloudfront/i.test(server ?? '')
        ? 'CloudFront or its WAF refused the request (403): a rule blocks the runner’s address or the user agent, or the geo restriction does'
        : /awselb/i.test(server ?? '')
          ? 'the load balancer’s listener rule or its WAF refused the request (403): as when it takes requests from CloudFront only, by a secret header'
          : 'the program, or a WAF before it, refused the request (403)',
      fix: 'Ask the address that viewers use (CloudFront, not the load balancer), let the path through the WAF’s rules, or ask a path without protection',
    }),
  ),
  answered(
    'health-404',
    ({ status }) => status === 404 || status === 410,
    (facts) => ({
      cause: `there is no such path, or the listener has no rule for that host and path and answers by default`,
      fix: `Correct the path of health-check-url, or the listener’s rule that forwards to ${facts.names.targetGroup}`,
    }),
  ),
  answered(
    'health-5xx',
    ({ status }) => status >= 500,
    (facts, { status }) => ({
      cause: `the program failed while it answered (${status})`,
      fix: `Read the traceback in the log group ${facts.names.logGroup}`,
      ...loggedIn(facts),
    }),
  ),
  answered(
    'health-other',
    ({ status }) => status < 200 || status >= 300,
    (_, { status }) => ({
      cause: `the answer is ${status}, and only 2xx is healthy`,
      fix:
        status === 400
          ? 'Let the program accept this host name (allowed hosts), or correct health-check-url'
          : 'Ask a path that answers 2xx without anything being sent',
    }),
  ),
  answered(
    'health-slow',
    ({ ms }) => ms >= slowAnswer,
    (facts, { ms }) => ({
      cause: `the answer took ${(ms / 1000).toFixed(1)} s: inefficient database queries, too few workers, or a cold start`,
      fix: 'Add indexes and cache what is asked often (EXPLAIN ANALYZE, Performance Insights show which); keep the health check itself free of queries',
      ...loggedIn(facts),
    }),
  ),
];

/** A log that tells more than the status. */
function loggedIn(facts: Facts): Partial<Finding> {
  const reading = readLog(facts);
  if (reading !== undefined) return { cause: reading.cause, fix: reading.fix, quote: reading.quote };
  // Only where the load balancer got no answer is it worth knowing where the program listens.
  const place = [0, 502, 503, 504].includes(facts.health?.answer.status ?? -1) ? misplaced(facts) : undefined;
  return place === undefined ? {} : { cause: place.cause, fix: place.fix };
}
