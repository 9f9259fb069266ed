const good = { source: 'dist', bucket: 'my-bucket', 'aws-region': 'us-east-1' };

export const cases: readonly {
  readonly name: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly expect: readonly string[];
}[] = [
  {
    name: 'nothing at all: every missing input at once',
    inputs: { 'aws-region': '' },
    expect: ['aws-region is missing', 'source is missing', 'bucket is missing'],
  },
  {
    name: 'a URL for a bucket',
    inputs: { ...good, bucket: 's3://my-bucket' },
    expect: ['bucket is "s3://my-bucket"', 'without "s3://"'],
  },
  {
    name: 'a bucket in capitals',
    inputs: { ...good, bucket: 'My_Bucket' },
    expect: ['bucket is "My_Bucket"', '3 to 63'],
  },
  { name: 'a bucket with two dots', inputs: { ...good, bucket: 'my..bucket' }, expect: ['bucket is "my..bucket"'] },
  {
    name: 'a prefix from the root',
    inputs: { ...good, prefix: '/app' },
    expect: ['prefix is "/app"', 'without a leading "/"'],
  },
  { name: 'a prefix that climbs', inputs: { ...good, prefix: 'app/../other' }, expect: ['prefix is "app/../other"'] },
  { name: 'the reserved prefix', inputs: { ...good, prefix: '.releases' }, expect: ['prefix is ".releases"'] },
  {
    name: 'a base path that is a URL',
    inputs: { ...good, 'base-path': 'https://example.com/' },
    expect: ['base-path is "https://example.com/"', '"/app/"'],
  },
  { name: 'an unknown mode', inputs: { ...good, mode: 'sync' }, expect: ['mode is "sync"', '"publish", "check"'] },
  {
    name: 'cache-control without a value',
    inputs: { ...good, 'cache-control': '*.html\n=no-cache' },
    expect: ['cache-control is "*.html"', 'cache-control is "=no-cache"', 'NAME=value'],
  },
  {
    name: 'a header broken over lines through JSON',
    inputs: { ...good, 'cache-control': JSON.stringify({ '*': 'no-cache\r\nX-Injected: 1' }) },
    expect: ['cache-control is "*=no-cache\\r\\nX-Injected: 1"', 'a Cache-Control value'],
  },
  {
    name: 'a content type that is none',
    inputs: { ...good, 'content-types': 'glb=gltf' },
    expect: ['content-types is "glb=gltf"', 'a media type'],
  },
  {
    name: 'a negated glob',
    inputs: { ...good, exclude: '!keep/**' },
    expect: ['exclude is "!keep/**"', 'without a leading "!"'],
  },
  {
    name: 'exclusions of everything, in check mode, among good ones',
    inputs: { ...good, mode: 'check', exclude: './**\ndocs/**\n*', 'max-delete-percent': '-1' },
    expect: [
      'exclude is "./**"',
      'exclude is "*"; accepted: one a line: a glob',
      'that leaves something of the source',
      'max-delete-percent is "-1"',
    ],
  },
  {
    name: 'globs of nothing at all',
    inputs: { ...good, include: './', exclude: '/' },
    expect: ['include is "./"', 'exclude is "/"'],
  },
  { name: 'delete: yes', inputs: { ...good, delete: 'yes' }, expect: ['delete is "yes"', '"true" or "false"'] },
  {
    name: 'numbers out of range, all at once',
    inputs: { ...good, 'retain-releases': '0', 'max-delete-percent': '101', concurrency: '1e3' },
    expect: [
      'retain-releases is "0"; accepted: a whole number from 1 to 50',
      'max-delete-percent is "101"; accepted: a whole number from 0 to 100',
      'concurrency is "1e3"',
    ],
  },
  {
    name: 'a release id with a slash',
    inputs: { ...good, 'release-id': 'feature/x' },
    expect: ['release-id is "feature/x"', '1 to 128 letters'],
  },
  {
    name: 'a release called previous',
    inputs: { ...good, 'release-id': 'previous' },
    expect: ['release-id is "previous"'],
  },
  {
    name: 'a rollback to several',
    inputs: { ...good, 'rollback-to': 'a b' },
    expect: ['rollback-to is "a b"', '"previous", or the id'],
  },
  {
    name: 'a rollback in check mode',
    inputs: { ...good, mode: 'check', 'rollback-to': 'previous' },
    expect: ['rollback-to is "previous"', 'nothing with "mode: check"'],
  },
  {
    name: 'a source hash for the mode that computes it',
    inputs: { ...good, mode: 'check', 'source-hash': 'v1:0123456789' },
    expect: ['source-hash is "v1:0123456789"', 'which computes it'],
  },
  {
    name: 'a source key where nothing is hashed',
    inputs: { ...good, 'source-key': 'npm run build' },
    expect: ['source-key is "npm run build"', 'nothing without "mode: check"'],
  },
  {
    name: 'a source hash with a rollback, and commands in values',
    inputs: { ...good, 'rollback-to': 'previous', 'source-hash': 'v1:0123456789', 'require-html': '::warning::x' },
    expect: ['source-hash is "v1:0123456789"', 'the release brings its own', 'require-html is "::warning::x"'],
  },
  {
    name: 'a role that is a user',
    inputs: { ...good, 'role-to-assume': 'arn:aws:iam::123456789012:user/me', 'dry-run': '1' },
    expect: ['role-to-assume is "arn:aws:iam::123456789012:user/me"', 'dry-run is "1"'],
  },
  {
    name: 'a source that nobody built, with everything else that is wrong',
    inputs: { ...good, source: 'no-such-folder', bucket: 'My_Bucket', delete: 'yes' },
    expect: [
      'source is "no-such-folder"; accepted: a directory that exists',
      'did the build run',
      'bucket is "My_Bucket"',
      'delete is "yes"',
    ],
  },
  {
    name: 'sources to check that are not there, and a hash that is not for this mode',
    inputs: { ...good, source: 'no-such-folder', mode: 'check', 'source-hash': 'v1:0123456789' },
    expect: ['source is "no-such-folder"', 'source-hash is "v1:0123456789"'],
  },
  {
    name: 'a file for a source, and a number that is none',
    inputs: { ...good, source: 'summary', concurrency: 'many' },
    expect: ['source is "summary"; accepted: a directory, which this is not', 'concurrency is "many"'],
  },
];
