import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { root } from '../tools/actions.ts';

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'slipway-run-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

interface Ended {
  readonly exitCode: number | null;
  readonly said: string;
  readonly outputs: Readonly<Record<string, string>>;
}

interface Start {
  readonly env?: Readonly<Record<string, string>>;
  /** What is said last before the run is cancelled. */
  readonly cancelAt?: string | undefined;
}

/** Runs Node as the runner does: outputs and summary are files. */
async function runNode(args: readonly string[], { env = {}, cancelAt }: Start = {}): Promise<Ended> {
  const files = { GITHUB_OUTPUT: join(scratch, 'output'), GITHUB_STEP_SUMMARY: join(scratch, 'summary') };
  for (const file of Object.values(files)) await writeFile(file, '');
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: scratch, ...files, ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      said += data.toString();
      if (cancelAt !== undefined && said.includes(cancelAt)) child.kill('SIGINT');
    });
  }
  const exitCode = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  );
  const written = await readFile(files.GITHUB_OUTPUT, 'utf8');
  const pairs = [...written.matchAll(/^([^\n=<]+)<<(\S+)\n([\s\S]*?)\n\2$/gm)];
  return { exitCode, said, outputs: Object.fromEntries(pairs.map(([, name, , value]) => [name!, value!])) };
}

const runMain = (main: string, options = ''): Promise<Ended> =>
  runNode([
    '--input-type=module',
    '-e',
    `import { runAction } from '${join(root, 'shared/action/run.ts')}';
     import { ActionError, InputError, PreconditionError } from '${join(root, 'shared/core/errors.ts')}';
     await runAction(async () => { ${main} }${options});`,
  ]);

describe('outputs of a run that ends before it can report', () => {
  const outcome = `, { onFailure: (error) => ({ outcome: error.code ?? 'bug' }) }`;

  test.each([
    ['nothing was changed', `throw new PreconditionError('PlanChanged', 'x')`, '', { changed: 'false' }],
    ['and what the action adds', `throw new ActionError('Gone', 'x')`, outcome, { changed: 'false', outcome: 'Gone' }],
    ['a bug may strike after a change: no claim', `throw new TypeError('x')`, outcome, { outcome: 'bug' }],
    ['none for bad inputs', `throw new InputError([{ field: 'a', value: 'b', accepted: 'c' }])`, outcome, {}],
  ])('%s', async (...[, main, options, outputs]) => {
    const ended = await runMain(main, options);
    expect(ended).toMatchObject({ exitCode: 1, outputs });
    expect(Object.keys(ended.outputs).sort()).toEqual(Object.keys(outputs).sort());
  });

  test('a report speaks for itself, also of a failure', async () => {
    const ended = await runMain(
      `return { outputs: { changed: 'true' }, summary: '', failure: new ActionError('Late', 'x') };`,
      outcome,
    );
    expect(ended).toMatchObject({ exitCode: 1, outputs: { changed: 'true' } });
    expect(ended.outputs).not.toHaveProperty('outcome');
  });
});

describe('the annotation of a failure', () => {
  const annotations = ({ said }: Ended): readonly string[] => said.split('\n').filter((line) => line.startsWith('::'));

  test('is one, at the lines it is about', async () => {
    const at = `{ file: 'docker/a,b.Dockerfile', startLine: 3, endLine: 5 }`;
    const failure = `new ActionError('BuildFailed', 'failed\\n::error::hostile', { at: ${at}, hint: '::warning::hostile' })`;
    for (const main of [`throw ${failure};`, `return { outputs: {}, summary: '', failure: ${failure} };`]) {
      expect(annotations(await runMain(main))).toEqual([
        '::error title=BuildFailed,file=docker/a%2Cb.Dockerfile,line=3,endLine=5::failed%0A::error::hostile',
      ]);
    }
  });

  test('is nowhere in particular where that is not known', async () => {
    expect(annotations(await runMain(`throw new ActionError('Gone', 'x');`))).toEqual(['::error title=Gone::x']);
  });
});

describe('a cancelled run', () => {
  const main = (body: string): readonly string[] => [
    '--input-type=module',
    '-e',
    `import { runAction } from '${join(root, 'shared/action/run.ts')}';
     setInterval(() => undefined, 1000);
     await runAction(async ({ signal }) => { console.log('under way'); ${body} }, { onFailure: () => ({ outcome: 'cancelled' }) });`,
  ];

  test('that reports in time says what it knows, and ends although something is still open', async () => {
    const body = `await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { outputs: { outcome: 'taken back' }, summary: '', failure: signal.reason };`;
    const ended = await runNode(main(body), { cancelAt: 'under way' });
    expect(ended).toMatchObject({ exitCode: 1, outputs: { outcome: 'taken back' } });
  }, 20_000);

  test('that hangs in a call ends before the runner kills it, and does not claim that nothing was changed', async () => {
    const ended = await runNode(main('await new Promise(() => undefined);'), { cancelAt: 'under way' });
    expect(ended).toMatchObject({ exitCode: 1, outputs: { outcome: 'cancelled' } });
    expect(ended.outputs).not.toHaveProperty('changed');
    expect(ended.said).toContain('did not end within 6 seconds');
  }, 20_000);
});

describe('deploy-ecs that ends before its plan', () => {
  const deploy = async (services: unknown, cancelAt?: string): Promise<Ended> => {
    const server = createServer((request, response) => {
      const isService = String(request.headers['x-amz-target']).endsWith('.DescribeServices');
      response
        .writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
        .end(JSON.stringify(isService ? { services } : {}));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      return await runNode([join(root, 'actions/deploy-ecs/src/index.ts')], {
        cancelAt,
        env: {
          INPUT_CLUSTER: 'c',
          INPUT_SERVICE: 's',
          'INPUT_AWS-REGION': 'us-east-1',
          AWS_ACCESS_KEY_ID: 'test',
          AWS_SECRET_ACCESS_KEY: 'test',
          AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        },
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };

  test('without its service: failed', async () => {
    const ended = await deploy([]);
    expect(ended.said).toContain('ServiceMissing');
    expect(ended).toMatchObject({ exitCode: 1, outputs: { changed: 'false', outcome: 'failed' } });
  });

  test('cancelled while it waits for another deployment: cancelled', async () => {
    const arn = (resource: string): string => `arn:aws:ecs:us-east-1:123456789012:${resource}`;
    const taskDefinition = arn('task-definition/x:1');
    const primary = { id: 'ecs-svc/1', status: 'PRIMARY', rolloutState: 'IN_PROGRESS', taskDefinition };
    const service = { serviceName: 's', serviceArn: arn('service/c/s'), status: 'ACTIVE', taskDefinition };
    const ended = await deploy([{ ...service, deployments: [primary] }], 'waiting for the deployment');
    expect(ended).toMatchObject({ exitCode: 1, outputs: { changed: 'false', outcome: 'cancelled' } });
  });
});
