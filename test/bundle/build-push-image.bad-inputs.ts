/** Inputs that `build-push-image` refuses, and what must be said about them. */
export const cases: readonly {
  readonly name: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly expect: readonly string[];
}[] = [
  { name: 'no repository', inputs: {}, expect: ['repository is missing', 'the name of an ECR repository'] },
  {
    name: 'a repository in capitals',
    inputs: { repository: 'My-App' },
    expect: ['repository is "My-App"', 'without its host'],
  },
  {
    name: 'a repository with its host',
    inputs: { repository: '123456789012.dkr.ecr.us-east-1.amazonaws.com/app' },
    expect: ['repository is "123456789012.dkr.ecr.us-east-1.amazonaws.com/app"', 'without its host'],
  },
  {
    name: 'a repository with a tag',
    inputs: { repository: 'app:latest' },
    expect: ['repository is "app:latest"'],
  },
  {
    name: 'a registry as an URL',
    inputs: { repository: 'app', registry: 'https://localhost:4566/' },
    expect: ['registry is "https://localhost:4566/"', 'without "https://" and path'],
  },
  {
    name: 'a registry in another region',
    inputs: { repository: 'app', registry: '123456789012.dkr.ecr.eu-west-1.amazonaws.com' },
    expect: ['registry is "123456789012.dkr.ecr.eu-west-1.amazonaws.com"', 'a host in aws-region (us-east-1)'],
  },
  {
    name: 'a git URL as context',
    inputs: { repository: 'app', context: 'https://github.com/your-org/app.git' },
    expect: ['context is "https://github.com/your-org/app.git"', 'a directory of the runner'],
  },
  {
    name: 'standard input as context',
    inputs: { repository: 'app', context: '-' },
    expect: ['context is "-"', 'a directory of the runner'],
  },
  {
    name: 'a file name of two lines, one of them a workflow command',
    inputs: { repository: 'app', file: 'Dockerfile\n::add-mask::x' },
    expect: ['file is "Dockerfile\\n::add-mask::x"', 'a path on one line'],
  },
  {
    name: 'a target with a space',
    inputs: { repository: 'app', target: 'run time' },
    expect: ['target is "run time"', 'the name of a stage'],
  },
  {
    name: 'a build argument without a value and one with a bad name',
    inputs: { repository: 'app', 'build-args': 'VERSION\n1ST=x' },
    expect: ['build-args is "VERSION"', 'NAME=value, one a line', 'build-args is "1ST"', 'not starting with a digit'],
  },
  {
    name: 'a build argument twice',
    inputs: { repository: 'app', 'build-args': 'A=1\nA=2' },
    expect: ['build-args is "A"', 'every name once'],
  },
  {
    name: 'an empty secret',
    inputs: { repository: 'app', secrets: 'npm-token=' },
    expect: ['secrets is "npm-token"', 'is the secret set?'],
  },
  {
    name: 'a secret that is no pair is not shown',
    inputs: { repository: 'app', secrets: 'hunter2' },
    expect: ['secrets is "***"', 'NAME=value, one a line'],
  },
  {
    name: 'a secret id that would add a field to docker’s flag',
    inputs: { repository: 'app', 'secret-files': 'a,src=/etc/passwd,id' },
    expect: ['secret-files is "a,src"', 'letters, digits and any of'],
  },
  {
    name: 'a secret given as value and as file',
    inputs: { repository: 'app', secrets: 'npm=abc', 'secret-files': 'npm=./npmrc' },
    expect: ['secret-files is "npm"', 'an id that "secrets" does not hold as well'],
  },
  {
    name: 'platforms that are none',
    inputs: { repository: 'app', platforms: 'linux/amd64,linux/arm64\narm64' },
    expect: ['platforms is "linux/amd64,linux/arm64"', 'platforms is "arm64"', 'os/architecture'],
  },
  {
    name: 'bad and reserved tags',
    inputs: { repository: 'app', tags: 'feature/x\nsrc-abc\nbuildcache' },
    expect: ['tags is "feature/x"', 'tags is "src-abc"', 'tags is "buildcache"', 'the action’s own'],
  },
  {
    name: 'an empty list of tags',
    inputs: { repository: 'app', tags: '[]' },
    expect: ['tags is "[]"', 'at least one tag'],
  },
  {
    name: 'enumerations and booleans out of range, all told at once',
    inputs: {
      repository: 'app',
      cache: 'gha',
      provenance: 'true',
      scan: 'low',
      sbom: 'yes',
      force: '1',
      'dry-run': 'on',
      'skip-unchanged': 'no',
      'create-repository': '0',
    },
    expect: [
      'cache is "gha"; accepted: "auto", "registry", "none"',
      'provenance is "true"; accepted: "false", "min", "max"',
      'scan is "low"; accepted: "off", "report", "critical", "high", "medium"',
      'sbom is "yes"',
      'force is "1"',
      'dry-run is "on"',
      'skip-unchanged is "no"',
      'create-repository is "0"',
    ],
  },
  {
    name: 'an SBOM by what is no image',
    inputs: { repository: 'app', 'sbom-generator': 'Scanner 1' },
    expect: ['sbom-generator is "Scanner 1"; accepted: an image, e.g. "docker/buildkit-syft-scanner:stable-1"'],
  },
  {
    name: 'what makes an SBOM, where none is made',
    inputs: { repository: 'app', 'sbom-generator': 'host/scanner:1' },
    expect: ['sbom-generator is "host/scanner:1"; accepted: nothing while sbom is "false"'],
  },
  {
    name: 'numbers out of range',
    inputs: { repository: 'app', 'max-age-days': '0', 'scan-timeout-minutes': '1e3', 'role-duration-seconds': '60' },
    expect: [
      'max-age-days is "0"; accepted: a whole number from 1 to 3650',
      'scan-timeout-minutes is "1e3"',
      'role-duration-seconds is "60"',
    ],
  },
  {
    name: 'an age limit that nothing could meet',
    inputs: { repository: 'app', 'max-age-days': '7', 'skip-unchanged': 'false' },
    expect: ['max-age-days is "7"', 'nothing while skip-unchanged is "false"'],
  },
  {
    name: 'a label key with a space, a bad region and a bad role together',
    inputs: { repository: 'app', labels: 'my key=1', 'aws-region': 'Frankfurt', 'role-to-assume': 'deploy' },
    expect: ['labels is "my key"', 'aws-region is "Frankfurt"', 'role-to-assume is "deploy"'],
  },
  {
    name: 'named contexts of every kind that is not read, and names that docker would not take',
    inputs: {
      repository: 'app',
      'build-contexts': [
        'a=https://github.com/your-org/x.git',
        'b=git@github.com:your-org/x.git',
        'c=oci-layout:///srv/layout:v1',
        'd=target:base',
        'e=docker-image://Python:3',
        'f=',
        'Assets=.',
        'scratch=.',
        'context=.',
        'g',
      ].join('\n'),
    },
    expect: [
      'build-contexts is "a=https://github.com/your-org/x.git"; accepted: values: a directory of the runner, or "docker-image://"',
      'build-contexts is "b=git@github.com:your-org/x.git"',
      'build-contexts is "c=oci-layout:///srv/layout:v1"',
      'build-contexts is "d=target:base"',
      'build-contexts is "e=docker-image://Python:3"',
      'build-contexts is "f="',
      'build-contexts is "Assets"; accepted: names: a name in lower case',
      'build-contexts is "scratch"',
      'build-contexts is "context"',
      'build-contexts is "g"; accepted: NAME=value, one a line',
    ],
  },
  {
    name: 'one named context under two names, a directory that is missing and a bad target',
    inputs: {
      repository: 'app',
      target: 'run time',
      'build-contexts': 'python=.\ndocker.io/library/python:latest=.\nassets=no-such-directory',
    },
    expect: [
      'build-contexts is "docker.io/library/python:latest"; accepted: every name once; to docker this one is "python"',
      'build-contexts is "assets=no-such-directory"; accepted: directories that are there and can be read',
      'target is "run time"',
    ],
  },
  {
    name: 'missing files together with other faults',
    inputs: { repository: 'App', context: 'no-such-app', 'secret-files': 'npm=no-such-npmrc', scan: 'low' },
    expect: [
      'repository is "App"',
      'context is "no-such-app"; accepted: a directory that is there',
      'secret-files is "npm=no-such-npmrc"; accepted: files that are there, can be read and are not empty',
      'scan is "low"',
    ],
  },
  {
    name: 'a missing Dockerfile, a directory as a secret file and a bad tag',
    inputs: { repository: 'app', file: 'no-such.Dockerfile', 'secret-files': 'ca=/', tags: 'a b' },
    expect: [
      'file is "no-such.Dockerfile"; accepted: a Dockerfile that is there and can be read',
      'secret-files is "ca=/"',
      'tags is "a b"',
    ],
  },
  {
    name: 'an archive to write, and not where',
    inputs: { repository: 'app', mode: 'archive', sbom: 'true', 'aws-region': 'Frankfurt' },
    expect: [
      'archive is missing; accepted: with "mode: archive", the path',
      'sbom is "true"; accepted: "false" with "mode: archive"',
      'aws-region is "Frankfurt"',
    ],
  },
  {
    name: 'an archive with what only a registry has',
    inputs: {
      repository: 'app',
      mode: 'archive',
      archive: '/',
      platforms: 'linux/amd64\nlinux/arm64',
      cache: 'registry',
      provenance: 'max',
      scan: 'high',
    },
    expect: [
      'archive is "/"; accepted: the path of a file; this is a directory',
      'platforms is "linux/amd64 linux/arm64"; accepted: one platform with "archive"',
      'cache is "registry"; accepted: "auto" or "none" with "mode: archive"',
      'provenance is "max"; accepted: "false" with "mode: archive"',
      'scan is "high"; accepted: "off" with "mode: archive"',
    ],
  },
  {
    name: 'an archive in the context, of several platforms, in a mode that is none',
    inputs: {
      repository: 'app',
      mode: 'load',
      archive: './out/image.tar',
      platforms: 'linux/amd64\nlinux/arm64',
    },
    expect: [
      'mode is "load"; accepted: "push", "archive"',
      'archive is "./out/image.tar"; accepted: a path outside "context"',
      'platforms is "linux/amd64 linux/arm64"',
    ],
  },
];
