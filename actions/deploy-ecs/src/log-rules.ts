import { explainDenial, parseDenial, roleOf, s3Action } from '../../../shared/core/iam-denial.ts';
import { lastPart } from '../../../shared/core/arn.ts';
import type { Facts } from './facts.ts';

/** What a line of a container's log tells, and the line's number. */
export interface Reading {
  readonly line: number;
  readonly cause: string;
  readonly fix: string;
}

export interface LogRule {
  readonly name: string;
  readonly read: (facts: Facts) => Reading | undefined;
}

/** The reading nearest to the log's end: what a program says last is most often what it died of. */
export function readLog(facts: Facts): (Reading & { readonly rule: string; readonly quote: string }) | undefined {
  let best: (Reading & { readonly rule: string }) | undefined;
  for (const { name, read } of logRules) {
    const reading = read(facts);
    if (reading !== undefined && reading.line > (best?.line ?? -1)) best = { ...reading, rule: name };
  }
  return best === undefined ? undefined : { ...best, quote: facts.lines[best.line]?.trim() ?? '' };
}

interface Line {
  readonly line: number;
  readonly text: string;
  readonly match: RegExpExecArray;
}

function last({ lines }: Facts, pattern: RegExp): Line | undefined {
  for (let line = lines.length - 1; line >= 0; line -= 1) {
    const text = lines[line] ?? '';
    const match = pattern.exec(text);
    if (match !== null) return { line, text, match };
  }
  return undefined;
}

const rule = (
  name: string,
  pattern: RegExp,
  explain: (found: Line, facts: Facts) => Omit<Reading, 'line'> | undefined,
): LogRule => ({
  name,
  read: (facts) => {
    const found = last(facts, pattern);
    const explained = found === undefined ? undefined : explain(found, facts);
    return found === undefined || explained === undefined ? undefined : { line: found.line, ...explained };
  },
});

/**
 * PostgreSQL's own words, as libpq (psycopg), asyncpg and node-postgres pass them on
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html). One connection may fail twice, first with and then without TLS:
 * the password decides before the encryption does.
 */
const database: readonly LogRule[] = [
  {
    name: 'database-password',
    read: (facts) => {
      const found = last(
        facts,
        /password authentication failed for user \\?"?([^"\\\s]+)|role \\?"([^"\\]+)\\?" does not exist/i,
      );
      if (found === undefined) return undefined;
      const user = found.match[1] ?? found.match[2] ?? '';
      return {
        // libpq's second try, without TLS, stands below.
        line: Math.max(found.line, last(facts, /no pg_hba\.conf entry/i)?.line ?? 0),
        cause: `the database does not accept the user ${user} with this password`,
        fix: `Correct user and password in ${databaseVariable(facts)}; after a rotation deploy with force-new-deployment: true, as tasks read secrets only when they start`,
      };
    },
  },
  rule(
    'database-tls',
    /no pg_hba\.conf entry|no encryption|SSL (?:connection )?is required|sslmode|rejected SSL upgrade|server does not support SSL/i,
    (found, facts) => ({
      cause:
        'the database refused a connection without TLS: PostgreSQL 15 and later on RDS forces it (rds.force_ssl), or its pg_hba.conf does not know this user, database or address',
      fix: `Let ${databaseVariable(facts)} ask for TLS: "?sslmode=require" for psycopg, "?ssl=require" for asyncpg${/does not support/.test(found.text) ? ' (this server knows none: leave it out)' : ''}`,
    }),
  ),
  rule('database-missing', /database \\?"([^"\\]+)\\?" does not exist/i, ({ match }, facts) => ({
    cause: `the database server has no database ${match[1] ?? ''}`,
    fix: `Create the database ${match[1] ?? ''}, or correct the name in ${databaseVariable(facts)}`,
  })),
  rule(
    'database-permission',
    /permission denied for (?:table|schema|relation|database|sequence|function|type) (\S+)/i,
    ({ match }) => ({
      cause: `the database user may not use ${(match[1] ?? '').replace(/["\\,.]+/g, '')}`,
      fix: `Grant the user of the service what it needs on ${(match[1] ?? '').replace(/["\\,.]+/g, '')}, as its owner`,
    }),
  ),
  rule(
    'database-connections',
    /too many connections|too many clients|remaining connection slots are reserved/i,
    () => ({
      cause: 'the database has no connection left: the pools of all tasks together are larger than its max_connections',
      fix: 'Make the connection pool of each task smaller (tasks × workers × pool size, twice during a deployment), or put RDS Proxy between',
    }),
  ),
  rule(
    'database-schema',
    /relation \\?"([^"\\]+)\\?" does not exist|column \S+ does not exist|UndefinedTable|UndefinedColumn|Can't locate revision/i,
    ({ match }) => ({
      cause: `the database’s schema is not the one that this code expects${match[1] === undefined ? '' : ` (there is no ${match[1]})`}`,
      fix: 'Run the migrations before the deployment (run-before: python -m alembic upgrade head), and see that they went to this database',
    }),
  ),
  {
    name: 'database-unreachable',
    read: (facts) => {
      const found = last(
        facts,
        /(?:could not connect to server|connection to server at|connection is bad|connect(?:ion)?\b.*\b5432|5432.*(?:refused|timed out|timeout)|(?:psycopg|asyncpg|postgres).*(?:timeout|timed out|refused|unreachable))|timeout expired|Connect call failed \('[\d.]+', 5432\)/i,
      );
      const bare = last(facts, /^(?:\S*\.)?(?:TimeoutError|CancelledError|ConnectionRefusedError)\b(?!.*\b6379)/);
      const driver = last(facts, /asyncpg|psycopg|sqlalchemy|pg8000|databases\//i);
      const at =
        found ?? (driver === undefined || (last(facts, /redis|:6379/i)?.line ?? -1) > driver.line ? undefined : bare);
      if (
        at === undefined ||
        /authentication failed|does not exist|pg_hba|translate host|not known|canceling statement|QueryCanceled|QueuePool|pool ?timeout/i.test(
          at.text,
        )
      )
        return undefined;
      const nearby = facts.lines.slice(Math.max(0, at.line - 2), at.line + 3).join('\n');
      const server = addressIn(nearby);
      const refused = /refused/i.test(nearby);
      return {
        line: at.line,
        cause: refused
          ? `the database${server} refused the connection: nothing listens at that address and port`
          : `the database${server} cannot be reached: its security group keeps the tasks out, or they are in a network without a way to it`,
        fix: refused
          ? `Correct host and port in ${databaseVariable(facts)} (localhost is the task itself, not the database), and see that the database runs`
          : `Let ${facts.names.securityGroup} in on port ${portIn(nearby) ?? 5432} in the security group of the database, in the same VPC`,
      };
    },
  },
];

/** https://redis.io/docs/latest/commands/auth/, and redis-py’s and ioredis’ words for a connection that fails. */
const redis: readonly LogRule[] = [
  rule('redis-refused-login', /NOAUTH|WRONGPASS|invalid username-password pair/i, (_, facts) => ({
    cause: 'Redis asks for a password (AUTH) and got none or another one',
    fix: `Correct ${redisVariable(facts)}: rediss://:<token>@host:6379`,
  })),
  rule(
    'redis-unreachable',
    /redis.*(?:refused|timeout|timed out|unreachable|closed|reset|connecting to|ConnectionError)|(?:refused|timeout|timed out|connecting to).*(?:redis|:6379)|Connect call failed \('[\d.]+', 6379\)|ECONNREFUSED \S+:6379/i,
    ({ text }, facts) => ({
      cause: /closed|reset|SSL/i.test(text)
        ? 'Redis closed the connection: one side speaks TLS and the other does not'
        : `Redis${addressIn(text)} cannot be reached: its security group keeps the tasks out, or address or port are wrong`,
      fix: /closed|reset|SSL/i.test(text)
        ? `Use rediss:// in ${redisVariable(facts)} for a cache with encryption in transit, redis:// for one without`
        : `Let ${facts.names.securityGroup} in on port ${portIn(text) ?? 6379} in the security group of the cache; check ${redisVariable(facts)}`,
    }),
  ),
];

/**
 * What the program itself may not do at AWS is a matter of the task role, never of the execution role:
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
 */
const aws: readonly LogRule[] = [
  {
    name: 's3-access-denied',
    read: (facts) => deniedCall(facts, true),
  },
  { name: 'task-role-denied', read: (facts) => deniedCall(facts, false) },
  rule(
    'no-credentials',
    /NoCredentialsError|Unable to locate credentials|Could not load credentials from any providers|CredentialsProviderError/i,
    (_, facts) => ({
      cause: `the program found no AWS credentials: ${facts.definition.taskRoleArn === undefined ? 'the task definition has no taskRoleArn' : `the ${facts.names.taskRole} was not used, as a variable like AWS_PROFILE overrides it`}`,
      fix: 'Set taskRoleArn in the task definition to a role that trusts ecs-tasks.amazonaws.com, and remove AWS_PROFILE and empty AWS_ACCESS_KEY_ID',
    }),
  ),
];

function deniedCall(facts: Facts, ofS3: boolean): Reading | undefined {
  const found = last(
    facts,
    /not authorized to perform:? [\w-]+:\w+|\(AccessDenied(?:Exception)?\) when calling the (\w+) operation|\b(?:S3.*AccessDenied|AccessDenied.*\bS3\b|AccessDenied: Access Denied)/i,
  );
  if (found === undefined) return undefined;
  const operation = found.match[1];
  const denial = parseDenial(found.text);
  const s3 =
    denial === undefined
      ? /^(?:\w*Object\w*|\w*Bucket\w*|ListObjects\w*|\w*MultipartUpload\w*|UploadPart)$/.test(operation ?? 'Object')
      : denial.action.startsWith('s3:');
  if (s3 !== ofS3) return undefined;
  const bucket = s3
    ? '; for a bucket of another account also its bucket policy, and for a key of your own kms:Decrypt and kms:GenerateDataKey'
    : '';
  if (denial === undefined) {
    const action = operation === undefined ? 'the action in the log' : s3 ? s3Action(operation) : operation;
    return {
      line: found.line,
      cause: `${facts.names.taskRole} (not the execution role) may not do ${action}`,
      fix: `Allow ${action} on what the log names in the policy of ${facts.names.taskRole}${bucket}`,
    };
  }
  const asked = roleOf(denial.principal)?.name;
  const task = lastPart(facts.definition.taskRoleArn ?? '');
  const holder =
    asked === undefined
      ? facts.names.taskRole
      : asked === task
        ? `the task role ${asked}`
        : `the role ${asked}${task === '' ? '' : ` (the task role is ${task})`}`;
  const { cause, fix } = explainDenial(denial, { holder });
  return { line: found.line, cause, fix: `${fix}${denial.kind === 'missing' ? bucket : ''}` };
}

const unknownHost = rule(
  'unknown-host',
  /could not translate host name \\?"?([^"\\\s]+)|Name or service not known|nodename nor servname|Temporary failure in name resolution|getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (\S+)|\bgaierror\b|lookup (\S+?):? .*no such host/i,
  ({ match }) => {
    const host = match[1] ?? match[2] ?? match[3];
    return {
      cause: `the name ${host ?? 'of a host'} is not known in the tasks’ network`,
      fix: `Correct the host name${host === undefined ? '' : ` ${host}`} in the environment or secret that holds it; a private name needs DNS support in the VPC and its private hosted zone`,
    };
  },
);

/**
 * https://docs.python.org/3/library/exceptions.html, https://docs.pydantic.dev/latest/errors/validation_errors/,
 * https://nodejs.org/api/errors.html, https://starlette.dev/middleware/#corsmiddleware
 */
const program: readonly LogRule[] = [
  rule(
    'missing-variable',
    /KeyError: \\?['"]([A-Z][A-Z0-9_]+)\\?['"]|environment variable:? [\\'"`]*([A-Z][A-Z0-9_]+)|[Mm]issing (?:required )?(?:env(?:ironment)?|configuration|variables?)[^:]*: ?[\\'"`]*([A-Z][A-Z0-9_]+)|([A-Z][A-Z0-9_]{2,})[\\'"`]* (?:environment variable )?(?:is not set|is required|must be set|is missing|not found in environment)/,
    ({ match }, facts) => {
      const name = match[1] ?? match[2] ?? match[3] ?? match[4] ?? '';
      return missingVariable(name, facts);
    },
  ),
  {
    name: 'missing-setting',
    read: (facts) => {
      const found = last(facts, /Field required/);
      if (found === undefined) return undefined;
      // pydantic writes the field in the line above; in one line of JSON both stand together.
      const name = /(\w+)(?:\s|\\n)+Field required/.exec(found.text)?.[1] ?? facts.lines[found.line - 1]?.trim() ?? '';
      return { line: found.line, ...missingVariable(name.toUpperCase(), facts) };
    },
  },
  rule(
    'invalid-setting',
    /error parsing value for field [\\"']*(\w+)|(\d+) validation errors? for (\w*(?:Settings|Config)\w*)/i,
    ({ match }, facts) => {
      const name = match[1]?.toUpperCase();
      return name === undefined
        ? {
            cause: `a variable has a value that ${match[3] ?? 'the settings'} do not accept`,
            fix: `Correct the variable that the log names in the environment of ${facts.container.name ?? 'the container'}`,
          }
        : {
            cause: `the value of ${name} cannot be read${/cors|origins|hosts/i.test(name) ? ' (a list is written as JSON)' : ''}`,
            fix: `Correct ${name} in the environment of ${facts.container.name ?? 'the container'}${/cors|origins|hosts/i.test(name) ? `: ${name}=["https://www.example.com"]` : ''}`,
          };
    },
  ),
  rule(
    'module-missing',
    /No module named [\\'"]*([\w.]+)|cannot import name [\\'"]*(\w+)|Cannot find (?:module|package) [\\'"]*([^'"\\]+)|Could not import module [\\"]*([\w.]+)|Attribute [\\"]*(\w+)[\\"]* not found in module/,
    ({ match }, facts) => {
      const name = match.slice(1).find((group) => group !== undefined) ?? '';
      return {
        cause: `the image has no module ${name}: it was not installed or not copied, or the command names it wrongly`,
        fix: `Add ${name} to the locked requirements or to the COPY lines of the Dockerfile, build ${facts.names.image} again; check the working directory and the command`,
      };
    },
  ),
  rule('port-in-use', /address already in use|port is already allocated/i, (_, facts) => ({
    cause:
      'two programs of the task want the same port: containers of one task share its network (awsvpc), or the program starts twice',
    fix: `Give each container of the task a port of its own (portMappings; ${facts.container.name ?? 'the main one'} has ${facts.names.port ?? 'none'}), and start one server only`,
  })),
  rule('read-only', /read-only file ?system|EROFS/i, () => ({
    cause: 'the program writes to a file system that is read-only (readonlyRootFilesystem)',
    fix: 'Write to a volume (mountPoints, e.g. an empty one on /tmp), or set readonlyRootFilesystem: false',
  })),
  rule(
    'file-permission',
    /permission denied(?! for (?:table|schema|relation|database|sequence|function|type))|EACCES|PermissionError/i,
    ({ text }, facts) => {
      const low =
        /\b(?:0\.0\.0\.0|::|bind|listen)\b.*?(\d{1,3})\b\D*permission|EACCES.*:(\d{1,3})\b|attempting to bind/i.test(
          text,
        );
      const file = /permission denied:? [\\'"]*(\/[^'"\\\s:]+)/i.exec(text)?.[1];
      return low
        ? {
            cause: 'the program’s user may not listen on a port below 1024',
            fix: 'Listen on a higher port, and set it as containerPort and in the target group',
          }
        : {
            cause: `the image’s user${facts.container.user === undefined ? '' : ` (${facts.container.user})`} may not read, write or run ${file ?? 'a file'}`,
            fix: `In the Dockerfile give that user ${file ?? 'the file that the log names'} (COPY --chown, RUN chmod), or write below /tmp`,
          };
    },
  ),
  rule(
    'out-of-heap',
    /\bMemoryError\b|heap out of memory|java\.lang\.OutOfMemoryError|Cannot allocate memory/,
    (_, facts) => ({
      cause: `the program used up the memory it may have (${memoryText(facts)})`,
      fix: `Raise memory in the task definition above ${memoryText(facts)}, or make the program use less (fewer workers, smaller batches)`,
    }),
  ),
  rule(
    'slow-queries',
    /statement timeout|slow query|QueryCanceled|canceling statement|duration: \d{4,}[\d.]* ms|QueuePool limit .*reached|pool timeout|WORKER TIMEOUT/i,
    ({ text }) => ({
      cause: /WORKER TIMEOUT/i.test(text)
        ? 'a worker did not answer in time and was killed: a request, or the start, takes longer than the server’s time-out'
        : 'the database answers slowly: a query without an index, or more requests than the connection pool can serve',
      fix: 'Find the query (Performance Insights, EXPLAIN ANALYZE), add the index, cache what is asked often; then widen pool or time-outs',
    }),
  ),
  rule(
    'cors',
    /disallowed CORS origin|CORS.{0,60}(?:not allowed|blocked|denied|rejected|refused|disallow)|origin \S+ (?:is )?not allowed|[\\"]*OPTIONS [^"\\]*HTTP[^"\\]*[\\"]* 40[03]/i,
    ({ text }, facts) => corsReading(text, facts),
  ),
];

/** Also for the answer of a URL. */
export function corsReading(text: string, facts: Facts): Omit<Reading, 'line'> {
  const origin = /https?:\/\/[\w.:-]+/.exec(text)?.[0];
  const name = variable(facts, /cors|origins/i, 'CORS_ORIGINS');
  const value = facts.container.environment?.find((item) => item.name === name)?.value;
  return {
    cause: `the origin${origin === undefined ? ' of the page' : ` ${origin}`} is missing in the API’s list of allowed origins${value === undefined ? '' : ` (${name}=${value})`}`,
    fix: `Add the site’s origin${origin === undefined ? ' (scheme and host, without a path)' : ` ${origin}`} to ${name} of ${facts.container.name ?? 'the container'} (input environment) and deploy again`,
  };
}

function missingVariable(name: string, facts: Facts): Omit<Reading, 'line'> {
  const container = facts.container.name ?? 'the container';
  return {
    cause: `the variable ${name} is not set in ${container}`,
    fix: `Set ${name} with the input environment (${container}.${name}=…) or, for a secret, secrets (${container}.${name}=<its ARN>)`,
  };
}

/** The name of the container's variable or secret that a pattern fits, so that the fix can name it. */
function variable({ container }: Facts, pattern: RegExp, otherwise: string): string {
  const names = [...(container.secrets ?? []), ...(container.environment ?? [])].map(({ name = '' }) => name);
  return names.find((name) => pattern.test(name)) ?? otherwise;
}

const databaseVariable = (facts: Facts): string =>
  variable(facts, /database|postgres|(?:^|_)(?:db|pg|sql)/i, 'the variable or secret of the database URL');
const redisVariable = (facts: Facts): string => variable(facts, /redis|cache|broker/i, 'the variable of the Redis URL');

const addresses: readonly RegExp[] = [
  /(?:server at|host) \\?"([^"\\]+)\\?"(?:.*?port (\d+))?/i,
  /Connect call failed \('([\d.]+)', (\d+)\)/,
  /(?:ECONNREFUSED|ETIMEDOUT|connecting to|connect to) ([\w.-]+):(\d+)/i,
];

function addressIn(text: string): string {
  for (const pattern of addresses) {
    const [, host, port] = pattern.exec(text) ?? [];
    if (host !== undefined) return ` ${host}${port === undefined ? '' : `:${port}`}`;
  }
  return '';
}

function portIn(text: string): string | undefined {
  return addresses.map((pattern) => pattern.exec(text)?.[2]).find((port) => port !== undefined);
}

/** The container's own limit, else the task's. */
export function memoryText({ container, definition }: Facts): string {
  const limit = container.memory ?? definition.memory;
  return limit === undefined ? 'the limit' : `${limit} MiB`;
}

const listening =
  /(?:running on|listening (?:on|at)|started server on|development server at)[^\w[*]*(?:https?:\/\/|port )?(\[::1?\]|\*|[\w.-]+)?(?::(\d{2,5}))?/i;

interface Place {
  readonly host: string;
  readonly port: number | undefined;
}

/** Where the program says that it listens, each server of it. */
export function listensAt({ lines }: Facts): readonly Place[] {
  return lines.flatMap((text) => {
    const [, host = '', port] = listening.exec(text) ?? [];
    if (port !== undefined) return [{ host, port: Number(port) }];
    return /^\d{2,5}$/.test(host) ? [{ host: '', port: Number(host) }] : [];
  });
}

const isLocal = ({ host }: Place): boolean => /^(?:127\.|localhost$|\[::1\])/.test(host);

/** Where it says that it listens, and nobody asks it there. */
export function misplaced(
  facts: Facts,
): { readonly name: 'bound-to-localhost' | 'wrong-port'; readonly cause: string; readonly fix: string } | undefined {
  const { port } = facts.names;
  const places = listensAt(facts);
  const at = places.find((place) => place.port === port) ?? places.at(-1);
  if (at === undefined) return undefined;
  if (isLocal(at)) {
    return {
      name: 'bound-to-localhost',
      cause: `the program listens on ${at.host}:${at.port ?? ''} only, where nothing outside of the container reaches it (viewers get a 502)`,
      fix: `Listen on 0.0.0.0 (uvicorn --host 0.0.0.0 --port ${port ?? at.port ?? 8000})`,
    };
  }
  if (at.port === undefined || port === undefined || at.port === port) return undefined;
  return {
    name: 'wrong-port',
    cause: `the program listens on port ${at.port}, and the load balancer asks port ${port}`,
    fix: `Let both agree: start the program on ${port}, or set containerPort ${at.port} in the port mapping and the service’s load balancer`,
  };
}

/** Most telling first, where two read the same line. Sources: the drivers' own messages, and the issues of their users. */
export const logRules: readonly LogRule[] = [...aws, unknownHost, ...database, ...redis, ...program];
