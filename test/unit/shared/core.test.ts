import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { failureSummary } from '../../../shared/action/run.ts';
import { neutralise } from '../../../shared/action/progress.ts';
import { denialHint, toAwsError, webIdentityOf } from '../../../shared/aws/aws-error.ts';
import { parseArn } from '../../../shared/core/arn.ts';
import { humanBytes, humanDuration } from '../../../shared/core/clock.ts';
import { AwsError, InputError } from '../../../shared/core/errors.ts';
import { globMatcher } from '../../../shared/core/glob.ts';
import { canonicalJson } from '../../../shared/core/hash.ts';
import { parseEcrHost, parseImageRef } from '../../../shared/core/image-ref.ts';
import { code, codeBlock, cutMarkdown, details, escapeMarkdown, link, table } from '../../../shared/core/markdown.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('links', () => {
  test.each([
    ['https://nvd.nist.gov/vuln/detail/CVE-1?a=b&c#d', '[CVE-1](https://nvd.nist.gov/vuln/detail/CVE-1?a=b&c#d)'],
    [
      'https://a.example/x) [y](https://b.example|z',
      '[CVE-1](https://a.example/x%29%20%5By%5D%28https://b.example%7Cz)',
    ],
    ['https://ä.example/<img>"`\\\n', '[CVE-1](https://xn--4ca.example/%3Cimg%3E%22%60/)'],
    ['http://a.example', '`CVE-1`'],
    ['javascript:alert(1)', '`CVE-1`'],
    ['nonsense', '`CVE-1`'],
    [undefined, '`CVE-1`'],
  ])('%j', (address, markdown) => expect(link('CVE-1', address)).toBe(markdown));

  test('their text is text', () => {
    expect(link('](x) |<b>', 'https://a.example')).toBe('[\\](x) \\|&lt;b&gt;](https://a.example/)');
  });
});

describe('image references', () => {
  test.each([
    ['app:1', { registry: undefined, repository: 'app', tag: '1', digest: undefined }],
    [
      'localhost:4566/team/app:v1',
      { registry: 'localhost:4566', repository: 'team/app', tag: 'v1', digest: undefined },
    ],
    [
      `1.dkr.ecr.x.amazonaws.com/a@${digest}`,
      { registry: '1.dkr.ecr.x.amazonaws.com', repository: 'a', tag: undefined, digest },
    ],
  ])('%s', (text, expected) => expect(parseImageRef(text)).toEqual(expected));
  test.each(['', 'App:1', 'a b', 'a@sha256:12', 'a:-x', 'a//b', `a@${digest}@${digest}`, 'ho st.x/a:1'])(
    '%j is none',
    (text) => expect(parseImageRef(text)).toBeUndefined(),
  );
  test('ECR hosts', () => {
    expect(parseEcrHost('123456789012.dkr.ecr.us-east-1.amazonaws.com')).toEqual({
      account: '123456789012',
      region: 'us-east-1',
    });
    expect(parseEcrHost('123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.org')).toBeUndefined();
  });
});

test('ARNs', () => {
  expect(parseArn('arn:aws:iam::123456789012:role/x/y')).toMatchObject({
    service: 'iam',
    account: '123456789012',
    resource: 'role/x/y',
  });
  expect(parseArn('arn:aws:s3:::bucket/key')).toMatchObject({ service: 's3', account: '', resource: 'bucket/key' });
  for (const bad of ['', 'arn:aws', 'arn:aws:iam::12:role/x', 'xarn:aws:iam::123456789012:role/x'])
    expect(parseArn(bad)).toBeUndefined();
});

describe('text from outside', () => {
  test('never starts a runner command', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('::', '##[', 'add-mask', '\n', '\r', ' ', ':', '#', '[', 'x')), (parts) => {
        for (const line of neutralise(parts.join('')).split('\n')) {
          expect(line.trimStart().startsWith('::')).toBe(false);
          expect(line).not.toContain('##[');
          expect(line).not.toContain('\r');
        }
      }),
    );
  });
  test('starts no command behind anything that .NET trims', () => {
    // char.IsWhiteSpace: the separators of Unicode, U+0009 to U+000D and U+0085.
    const blanks = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter((character) =>
      /[\p{Z}\t-\r\u0085]/u.test(character),
    );
    expect(blanks).toContain('\u0085');
    for (const blank of blanks) expect(neutralise(`${blank} ${blank}::error::x`)).not.toContain('::error');
  });
  test('is cut at a line, with what is open closed', () => {
    const long = ['# a', details('t', `b\n${codeBlock('c\n<details>\nd', 'sh')}`), 'e\n'.repeat(20)].join('\n\n');
    expect(cutMarkdown(long, long.length)).toBe(long);
    expect(cutMarkdown(long, 0)).toBe('');
    const cuts = Array.from({ length: long.length }, (_, most) => cutMarkdown(long, most));
    expect(cuts).toContain('# a\n\n<details><summary>t</summary>\n\nb\n```sh\nc\n<details>\n```\n\n</details>\n');
    for (const [most, cut] of cuts.entries()) {
      expect(cut.length).toBeLessThanOrEqual(most);
      expect((cut.match(/^```/gm) ?? []).length % 2).toBe(0);
      const sections = (pattern: RegExp): number => cut.match(pattern)?.length ?? 0;
      expect(sections(/^<\/details>/gm)).toBe(sections(/^<details><summary>/gm));
    }
  });
  test('stays inside inline code, code blocks and cells', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('`', '``', '|', '\n', 'x', '<b>')), (parts) => {
        const text = parts.join('');
        const fence = /^`+/.exec(codeBlock(text))![0];
        expect(text.split(fence)).toHaveLength(1);
        expect(code(text)).not.toMatch(/[\n|]/);
        expect(escapeMarkdown(text)).not.toMatch(/[<>\n]|(?<!\\)[`|]/);
      }),
    );
  });
  test('inline code is one cell of a table, and shows the text as it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('\\', '|', '`', '``', '<img src=x>', '&#124;', '*', '\r\n', ' ', 'x')),
        (parts) => {
          const text = parts.join('');
          const row = table(['a', 'b', 'c'], [['x', code(text), 'x']]).split('\n')[2]!;
          const cells = cellsOf(row);
          expect(cells).toHaveLength(3);
          const shown = text.replace(/[\r\n]+/g, ' ');
          expect(shownCode(cells[1]!)).toEqual(shown.trim() === '' ? expect.stringMatching(/^ +$/) : shown);
        },
      ),
    );
  });
  test('a backslash before a pipe ends no cell', () => {
    expect(code('x\\|<img src=x>')).toBe('<code>x&#92;&#124;&#60;img src=x&#62;</code>');
    expect(code('a|b')).toBe('<code>a&#124;b</code>');
    expect(code('a\\<b>')).toBe('`a\\<b>`');
  });
});

/** As GFM does it: a backslash takes the next character with it, any other `|` ends a cell; only then inline code is looked for. */
function cellsOf(row: string): readonly string[] {
  const cells = [...row.matchAll(/((?:\\[^]|[^|\\])*)\|/g)].map((match) => match[1]!.trim());
  return cells.slice(1);
}

/** What a reader sees of a cell of code; undefined when the cell is not exactly one piece of inline code. */
function shownCode(cell: string): string | undefined {
  const html = /^<code>([^<>`*\\|]*)<\/code>$/.exec(cell);
  if (html !== null) return html[1]!.replace(/&#(\d+);/g, (_, number) => String.fromCodePoint(Number(number)));
  const [, fence, inner] = /^(`+)(?!`)([^]*?)(?<!`)\1$/.exec(cell) ?? [];
  if (fence === undefined || inner === undefined) return undefined;
  const runs = [...inner.matchAll(/`+/g)].map((match) => match[0].length);
  if (runs.includes(fence.length)) return undefined;
  return /^ .*[^ ].* $/.test(inner) ? inner.slice(1, -1) : inner;
}

test('canonical JSON does not depend on the order of keys', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined })).toBe('{"b":[1,{"c":"x","d":null}]}');
});

test('globs match dotfiles, and a bare name at any depth', () => {
  const matches = globMatcher(['*.map', 'assets/**']);
  expect(['a.map', 'x/y/.b.map', 'assets/a/b', 'x/assets/a', 'map'].map(matches)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});

test('durations and sizes as people write them', () => {
  expect([1234, 59_400, 61_000, 3_660_000].map(humanDuration)).toEqual(['1.2 s', '59 s', '1 min 1 s', '1 h 1 min']);
  expect([999, 1500, 2_000_000].map(humanBytes)).toEqual(['999 B', '1.5 kB', '2.0 MB']);
});

describe('AWS errors', () => {
  const call = { service: 'ECS', operation: 'UpdateService' };
  test('a denial names the statement that is missing', () => {
    const message =
      'User: arn:aws:sts::123456789012:assumed-role/deploy/x is not authorized to perform: ecs:UpdateService on resource: arn:aws:ecs:us-east-1:123456789012:service/c/s because no identity-based policy allows the ecs:UpdateService action';
    expect(denialHint(message, call)).toContain(
      '{"Effect":"Allow","Action":"ecs:UpdateService","Resource":"arn:aws:ecs:us-east-1:123456789012:service/c/s"}',
    );
  });
  test.each([
    [
      'x is not authorized to perform: s3:PutObject on resource: "r" with an explicit deny in a service control policy',
      'explicit deny (service control policy)',
    ],
    [
      'x is not authorized to perform: s3:PutObject on resource: r because no permissions boundary allows the s3:PutObject action',
      'Let the permissions boundary allow s3:PutObject on r',
    ],
  ])('%s', (message, expected) => {
    const hint = denialHint(message, call);
    expect(hint).toContain(expected);
    expect(hint).not.toContain('Add this statement');
  });
  test('a role that may not be assumed wants its trust policy changed, no permission', () => {
    const denied = Object.assign(new Error('Not authorized to perform sts:AssumeRoleWithWebIdentity'), {
      name: 'AccessDenied',
    });
    const assume = { service: 'STS', operation: 'AssumeRoleWithWebIdentity' };
    const payload = { iss: 'https://token.actions.githubusercontent.com', sub: 'repo:o/r:ref:refs/heads/x', aud: 'a' };
    const token = `h.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.s`;
    const RoleArn = 'arn:aws-cn:iam::123456789012:role/deploy';
    const error = toAwsError(denied, { ...assume, identity: webIdentityOf({ RoleArn, WebIdentityToken: token }) });
    expect(error).toMatchObject({
      code: 'AccessDenied',
      fault: 'user',
      message: `STS AssumeRoleWithWebIdentity was denied for ${RoleArn} with a token of sub "repo:o/r:ref:refs/heads/x", aud "a": Not authorized to perform sts:AssumeRoleWithWebIdentity`,
    });
    const hint = error instanceof AwsError ? error.hint : undefined;
    expect(hint).toContain('trust policy');
    expect(JSON.parse(hint!.slice(hint!.indexOf('{')))).toEqual({
      Effect: 'Allow',
      Principal: { Federated: 'arn:aws-cn:iam::123456789012:oidc-provider/token.actions.githubusercontent.com' },
      Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: {
        StringEquals: {
          'token.actions.githubusercontent.com:aud': 'a',
          'token.actions.githubusercontent.com:sub': 'repo:o/r:ref:refs/heads/x',
        },
      },
    });
    // Without a token that can be read: the places to fill in.
    for (const unread of ['', 'x', 'a.b.c', `h.${Buffer.from('null').toString('base64url')}.s`]) {
      const identity = webIdentityOf({ RoleArn, WebIdentityToken: unread });
      expect(toAwsError(denied, { ...assume, identity })).toMatchObject({
        message: expect.not.stringContaining('sub'),
        hint: expect.stringContaining('"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"'),
      });
    }
    expect(denialHint(denied.message, assume)).toContain('arn:aws:iam::<account>:oidc-provider/');
    expect(webIdentityOf({ RoleArn })).toBeUndefined();
  });
  test('service, operation and request id are kept', () => {
    const thrown = Object.assign(new Error('nope'), {
      name: 'ServiceNotFoundException',
      $metadata: { requestId: 'r-1', httpStatusCode: 400 },
    });
    const error = toAwsError(thrown, call);
    expect(error).toBeInstanceOf(AwsError);
    expect(error).toMatchObject({
      code: 'ServiceNotFoundException',
      service: 'ECS',
      operation: 'UpdateService',
      requestId: 'r-1',
      fault: 'cloud',
      cause: thrown,
    });
    expect(error.message).toBe('ECS UpdateService: ServiceNotFoundException: nope (request r-1)');
  });
});

test('the summary of refused inputs lists every field', () => {
  const summary = failureSummary(
    new InputError([
      { field: 'a', value: '|<x>', accepted: 'b' },
      { field: 'c', value: undefined, accepted: 'd' },
    ]),
  );
  expect(summary).toContain('| `a` | <code>&#124;&#60;x&#62;</code> | b |');
  expect(summary).toContain('| `c` | missing | d |');
});
