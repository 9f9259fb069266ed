const good = { cluster: 'my-cluster', service: 'my-api' };
const secretArn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-AbCdEf';

export const cases: readonly {
  readonly name: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly expect: readonly string[];
}[] = [
  { name: 'nothing given', inputs: {}, expect: ['cluster is missing', 'service is missing', "the cluster's name"] },
  {
    name: 'names that are none',
    inputs: { cluster: 'my cluster', service: '-x; rm -rf /' },
    expect: ['cluster is "my cluster"', 'service is "-x; rm -rf /"', 'letters, digits'],
  },
  {
    name: 'ARNs of other things',
    inputs: {
      cluster: 'arn:aws:ecs:us-east-1:123456789012:service/c/s',
      service: 'arn:aws:iam::123456789012:role/service',
    },
    expect: ["the cluster's name", "the service's name", 'arn:aws:iam::123456789012:role/service'],
  },
  {
    name: 'a service of another cluster and region',
    inputs: { cluster: 'mine', service: 'arn:aws:ecs:eu-west-1:123456789012:service/theirs/api' },
    expect: ['a service of the cluster "mine"', 'service is "eu-west-1"', 'us-east-1'],
  },
  {
    name: 'image and images together',
    inputs: { ...good, image: 'app:1', images: 'api=app:1' },
    expect: ['images is "api=app:1"', 'either "image" or "images", not both'],
  },
  {
    name: 'images without tag or digest',
    inputs: { ...good, image: 'my-app' },
    expect: ['image is "my-app"', 'a digest or a tag'],
  },
  {
    name: 'lines of images that are no pairs',
    inputs: { ...good, images: 'api\n=app:1\nweb=app:1\nweb=app:2\nbad name=app:1' },
    expect: [
      'images is "api"',
      'images is "=app:1"',
      'images is "web"; accepted: every name once',
      'images is "bad name"',
      'NAME=value',
    ],
  },
  {
    name: 'a secret’s value where its ARN belongs, which is never shown',
    inputs: { ...good, secrets: 'DB_PASSWORD=hunter2\nnothing' },
    expect: ['secrets is "DB_PASSWORD=***"', 'the ARN of a Secrets Manager secret', 'secrets is "***"'],
  },
  {
    name: 'a name that is variable and secret at once',
    inputs: { ...good, environment: 'DB_URL=x', secrets: `DB_URL=${secretArn}` },
    expect: ['secrets is "DB_URL"', 'a name that "environment" does not give as well'],
  },
  {
    name: 'variables with blanks in their names, and JSON that is none',
    inputs: { ...good, environment: 'MY VAR=1\njust text', secrets: '{"A": 1}' },
    expect: ['environment is "MY VAR"', 'environment is "just text"', 'a JSON object whose values are strings'],
  },
  {
    name: 'a file that is not there',
    inputs: { ...good, 'task-definition': './deploy/none.json' },
    expect: ['task-definition is "./deploy/none.json"', 'a file that can be read'],
  },
  {
    name: 'a task definition that is no name',
    inputs: { ...good, 'task-definition': 'my-app:latest' },
    expect: ['task-definition is "my-app:latest"', '"family:revision"'],
  },
  {
    name: 'a task definition of another region',
    inputs: { ...good, 'task-definition': 'arn:aws:ecs:eu-west-1:123456789012:task-definition/app:3' },
    expect: ['task-definition is "eu-west-1"', 'an ARN in the region of "aws-region", us-east-1'],
  },
  {
    name: 'a command with an operator or an open quote',
    inputs: { ...good, 'run-before': 'alembic upgrade head && echo "done' },
    expect: ['run-before is "alembic upgrade head && echo \\"done"', '["sh", "-c", "a && b"]'],
  },
  {
    name: 'a command that is JSON of something else',
    inputs: { ...good, 'run-before': '["sh", 1]', 'run-before-timeout-minutes': '0' },
    expect: [
      'run-before is "[\\"sh\\", 1]"',
      'a JSON array of texts',
      'run-before-timeout-minutes is "0"',
      'from 1 to 1440',
    ],
  },
  {
    name: 'a container for a command that is not given',
    inputs: { ...good, 'run-before-container': 'api' },
    expect: ['run-before-container is "api"', 'only together with run-before'],
  },
  {
    name: 'booleans of other languages',
    inputs: { ...good, wait: 'yes', rollback: '1', 'force-new-deployment': 'on', 'rollback-on-failure': 'TrUe' },
    expect: [
      'wait is "yes"',
      'rollback is "1"',
      'force-new-deployment is "on"',
      'rollback-on-failure is "TrUe"',
      '"true" or "false"',
    ],
  },
  {
    name: 'words outside the enumerations',
    inputs: { ...good, 'on-active-deployment': 'queue', 'paused-is': 'yellow' },
    expect: ['on-active-deployment is "queue"', '"wait", "fail", "replace"', 'paused-is is "yellow"', '"red", "green"'],
  },
  {
    name: 'numbers out of range',
    inputs: { ...good, 'wait-timeout-minutes': '1.5', 'fail-fast-after': '-1', 'initial-count': '0' },
    expect: [
      'wait-timeout-minutes is "1.5"',
      'fail-fast-after is "-1"',
      'from 0 to 100',
      'initial-count is "0"',
      '0 running tasks would prove nothing',
    ],
  },
  {
    name: 'a rollback to something given',
    inputs: { ...good, rollback: 'true', image: 'app:1', environment: 'A=1', 'run-before': 'true' },
    expect: ['"image" left out', '"environment" left out', '"run-before" left out'],
  },
  {
    name: 'a health check that is never asked, or none',
    inputs: { ...good, wait: 'false', 'health-check-url': 'https://api.example.com/health' },
    expect: ['health-check-url is "https://api.example.com/health"', 'only with wait: true'],
  },
  {
    name: 'URLs that are not for asking',
    inputs: { ...good, 'health-check-url': 'ftp://user:pass@example.com' },
    expect: ['health-check-url is "ftp://***@example.com"', 'an http:// or https:// URL without user name or password'],
  },
  {
    name: 'regions and roles that are none, with everything else wrong as well',
    inputs: {
      'aws-region': 'Frankfurt',
      'role-to-assume': 'my-role',
      'role-duration-seconds': '60',
      'dry-run': 'maybe',
      cluster: '::stop-commands::x',
    },
    expect: [
      'aws-region is "Frankfurt"',
      'role-to-assume is "my-role"',
      'role-duration-seconds is "60"',
      'dry-run is "maybe"',
      'cluster is "::stop-commands::x"',
      'service is missing',
    ],
  },
];
