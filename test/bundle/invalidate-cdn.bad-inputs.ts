const good = { 'distribution-id': 'E2EXAMPLE12345', 'aws-region': 'us-east-1' };

export const cases: readonly {
  readonly name: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly expect: readonly string[];
}[] = [
  {
    name: 'nothing at all: every missing input at once',
    inputs: { 'aws-region': '' },
    expect: ['aws-region is missing', 'distribution-id is missing', 'or "alias"'],
  },
  {
    name: 'both a distribution and an alias',
    inputs: { ...good, alias: 'www.example.com' },
    expect: ['alias is "www.example.com"', 'give one of the two'],
  },
  {
    name: 'an ARN for an id',
    inputs: { ...good, 'distribution-id': 'arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE12345' },
    expect: ['distribution-id is "arn:aws:cloudfront', 'such as "E2EXAMPLE12345"'],
  },
  {
    name: 'an id in lower case',
    inputs: { ...good, 'distribution-id': 'e2example12345' },
    expect: ['distribution-id is "e2'],
  },
  {
    name: 'a URL for an alias',
    inputs: { 'aws-region': 'us-east-1', alias: 'https://www.example.com/' },
    expect: ['alias is "https://www.example.com/"', 'www.example.com'],
  },
  {
    name: 'an alias without a dot',
    inputs: { 'aws-region': 'us-east-1', alias: 'localhost' },
    expect: ['alias is "localhost"'],
  },
  {
    name: 'a path without its slash',
    inputs: { ...good, paths: 'index.html\n/fine.html' },
    expect: ['paths is "index.html"', 'starts with "/"'],
  },
  {
    name: 'an asterisk in the middle, among good ones, in JSON',
    inputs: { ...good, paths: '["/a/*.js", "/fine*", "no-slash"]' },
    expect: ['paths is "/a/*.js"', 'paths is "no-slash"', '"*" only as its last character'],
  },
  { name: 'a JSON array that is none', inputs: { ...good, paths: '["/a",' }, expect: ['paths is "[\\"/a\\","'] },
  { name: 'a JSON array of numbers', inputs: { ...good, paths: '[1, 2]' }, expect: ['paths is "[1, 2]"'] },
  {
    name: 'a whole URL',
    inputs: { ...good, paths: 'https://example.com/a' },
    expect: ['paths is "https://example.com/a"'],
  },
  {
    name: 'a path too long once it is encoded',
    inputs: { ...good, paths: `/${'é'.repeat(1500)}` },
    expect: ['paths is "/éé', 'at most 4,000 characters when encoded'],
  },
  {
    name: 'a line break inside a path',
    inputs: { ...good, paths: JSON.stringify(['/a\n::error::x']) },
    expect: ['paths is "/a\\n::error::x"'],
  },
  {
    name: 'numbers out of range, all at once',
    inputs: { ...good, 'max-paths': '0', 'wait-timeout-minutes': '-1', wait: 'no', 'query-strings': '?' },
    expect: [
      'query-strings is "?"',
      'max-paths is "0"; accepted: a whole number from 1 to 10000',
      'wait-timeout-minutes is "-1"',
      'wait is "no"',
    ],
  },
  {
    name: 'a publication that sync-frontend never gave',
    inputs: { ...good, publication: 'latest' },
    expect: ['publication is "latest"', 'the publication output of sync-frontend'],
  },
  {
    name: 'a prefix of no bucket',
    inputs: { ...good, prefix: 'app' },
    expect: ['bucket is missing', 'with "prefix"'],
  },
  {
    name: 'a bucket for the note of no publication',
    inputs: { ...good, bucket: 'my-bucket', prefix: '/app//x' },
    expect: ['publication is missing', 'with "bucket"', 'prefix is "/app//x"'],
  },
  {
    name: 'a path with no room for its wildcard',
    inputs: { ...good, paths: `/${'a'.repeat(3999)}`, 'query-strings': 'true' },
    expect: ['paths is "/aaa', 'at most 3,999 characters when encoded'],
  },
  {
    name: 'a bucket by URL',
    inputs: { ...good, bucket: 's3://b', publication: '3-0123456789abcdef' },
    expect: ['bucket is "s3://b"', 'without "s3://"'],
  },
  {
    name: 'a role that is a policy, for too short',
    inputs: { ...good, 'role-to-assume': 'arn:aws:iam::123456789012:policy/x', 'role-duration-seconds': '60' },
    expect: ['role-to-assume is "arn:aws:iam::123456789012:policy/x"', 'role-duration-seconds is "60"'],
  },
];
