import { describe, expect, test } from '@jest/globals';
import { recordTag, refusalTag } from '../../actions/build-push-image/src/build-record.ts';
import { arm64, script, x86 } from '../unit/build-push-image/image-kit.ts';
import { commit, immutable } from '../unit/build-push-image/kit.ts';
import { digestOf, mine, world } from './build-push-image.fakes.ts';

/** A world whose docker builds real manifests, of images that start `/app/server`. */
function truthful({ architecture = 'amd64', program = x86 }: { architecture?: string; program?: Uint8Array } = {}) {
  const w = world();
  const built = { architecture };
  const manifestOf = (context: string): string => {
    const config = JSON.stringify({ os: 'linux', config: { Entrypoint: ['/app/server'] }, ...built, context });
    w.contents.set(digestOf(config), config);
    return JSON.stringify({ config: { digest: digestOf(config) } });
  };
  w.docker.manifestOf = manifestOf;
  w.imageFiles['/app/server'] = program;
  return { ...w, built, manifestOf };
}
const looks = ({ programs }: ReturnType<typeof truthful>) => programs.asked.map(({ line }) => line.split(' ')[0]);

/** A run that ends before it looks at what it pushed. */
async function killedAfterPush(
  { ports, run }: ReturnType<typeof truthful>,
  inputs: Readonly<Record<string, string>>,
): Promise<void> {
  const { openContent } = ports;
  Object.assign(ports, {
    openContent: () => {
      throw new Error('the process is killed');
    },
  });
  await expect(run(inputs)).rejects.toThrow('killed');
  Object.assign(ports, { openContent });
}

describe('what was pushed is looked at', () => {
  test('before any tag, with the private login, and told in log and summary', async () => {
    const w = truthful();
    const remaining: boolean[] = [];
    const pipe = w.ports.pipe;
    const places: unknown[] = [];
    const open = w.ports.openContent;
    Object.assign(w.ports, {
      openContent: (place: Parameters<typeof open>[0]) => (places.push(place), open(place)),
      pipe: (...given: Parameters<typeof pipe>) => {
        remaining.push(w.configs[0]?.removed === false && !w.registry.calls.some((call) => call.startsWith('tag ')));
        return pipe(...given);
      },
    });
    const { outputs, summary, failure } = await w.run(mine);
    expect(failure).toBeUndefined();
    expect(w.programs.asked.map(({ line }) => line)).toEqual([
      `create --name private-1 localhost:5000/app@${outputs['digest']}`,
      'cp --follow-link private-1:/app/server -',
      'rm --force --volumes private-1',
    ]);
    expect(remaining).toEqual([true, true, true]);
    expect(places).toEqual([{ host: 'localhost:5000', repository: 'app', basic: 'QVdTOnBhc3M=' }]);
    expect(w.configs[0]?.removed).toBe(true);
    expect(w.log).toContain('Checked: /app/server in the linux/amd64 image is an x86-64 program');
    expect(summary).toMatch(/\*\*Checked\*\* \| for linux\/amd64, as asked<br>\/app\/server in the linux\/amd64 image/);
    expect(summary).not.toContain('Not checked');
  });

  test('a builder outside the daemon is asked by the digest', async () => {
    const w = truthful({ architecture: 'arm64', program: arm64 });
    w.docker.buildx = 'docker-container';
    const { outputs, failure } = await w.run({ ...mine, platforms: 'linux/arm64' });
    expect(failure).toBeUndefined();
    expect(looks(w)).toEqual(['buildx']);
    expect(w.programs.asked[0]?.stdin).toContain(`FROM localhost:5000/app@${outputs['digest']} AS image\n`);
    expect(w.programs.asked[0]?.line).toContain('--platform linux/arm64');
    expect(w.programs.asked[0]?.env['DOCKER_CONFIG']).toBe('/private');
  });

  test.each<[string, Parameters<typeof truthful>[0], string]>([
    ['another platform', { architecture: 'arm64', program: arm64 }, 'PlatformMismatch'],
    ['a program of another architecture', { program: arm64 }, 'ArchitectureMismatch'],
  ])(
    '%s: red before any tag, record or scan; refused for good, and built anew by a later run, which is as red',
    async (_, made, code) => {
      const w = truthful(made);
      const first = await w.run({ ...mine, scan: 'high' });
      expect(first.failure).toMatchObject({ code });
      expect(first.outputs).toMatchObject({
        image: '',
        digest: '',
        outcome: '',
        tags: '',
        changed: 'true',
        reusable: 'false',
      });
      expect(first.summary).toContain(code);
      const [refused = '', ...more] = w.registry.calls.filter((call) => /^tag|scan/i.test(call));
      expect([refused, more]).toEqual([expect.stringMatching(/^tag src-[0-9a-f]{16}\.[0-9a-f]{12}\.refused$/), []]);
      expect(w.configs.every(({ removed }) => removed)).toBe(true);

      const again = await w.run(mine);
      expect(again.failure).toMatchObject({ code });
      expect(again.plan.reason).toBe('the image of this source was refused before');
      expect(w.docker.did('build ')).toHaveLength(2);
      expect(new Set(w.registry.calls.filter((call) => /^tag/i.test(call)))).toEqual(new Set([refused]));

      Object.assign(w.built, { architecture: 'amd64', created: 'later' });
      w.imageFiles['/app/server'] = x86;
      const mended = await w.run(mine);
      expect([mended.failure, mended.outputs['outcome'], mended.outputs['tags']]).toEqual([undefined, 'built', commit]);
      expect((await w.run(mine)).outputs['outcome']).toBe('reused');
    },
  );

  test('a run that ended between push and check: the next one checks what it finds, and builds nothing', async () => {
    const w = truthful();
    await killedAfterPush(w, mine);
    expect((await w.run(mine)).outputs).toMatchObject({ outcome: 'reused', tags: commit });
    expect(w.docker.did('build ')).toHaveLength(1);
    // Now it is on record.
    expect((await w.run({ ...mine, 'dry-run': 'true' })).plan.steps).toEqual([]);
  });

  test('a look that fails is told and goes unrecorded: the next run looks again, and one that was refused stays red', async () => {
    const w = truthful();
    const { pipe } = w.ports;
    const unable = { pipe: () => Promise.reject(new Error('docker took longer than 20 s')) };
    Object.assign(w.ports, unable);
    const first = await w.run(mine);
    expect([first.failure, first.outputs['tags']]).toEqual([undefined, commit]);
    expect(first.summary).toContain('⚠️ Not checked: the program of the linux/amd64 image: docker took longer');
    expect(w.registry.calls.filter((call) => /^tag/.test(call))).toEqual([`tag ${commit}`]);

    Object.assign(w.ports, { pipe });
    w.imageFiles['/app/server'] = arm64;
    const second = await w.run(mine);
    expect(second.failure?.code).toBe('ArchitectureMismatch');
    expect(second.plan.steps[0]).toMatchObject({ kind: 'check', reason: 'it has no record of a check' });
    expect(second.failure?.message).toContain(`Earlier runs gave it "${commit}": move or remove that.`);
    Object.assign(w.ports, unable);
    // What is built anew has another digest, and nothing more is known of it.
    Object.assign(w.built, { created: 'later' });
    const blind = await w.run({ ...mine, tags: 'v2' });
    expect(w.docker.did('build ').at(-1)?.line).toContain('--no-cache');
    expect(blind.failure).toMatchObject({ code: 'ImageRefused' });
    expect(blind.failure?.message).toMatch(
      /found that its image of this source is not what was asked for, and this run/,
    );
    expect(blind.outputs).toMatchObject({ image: '', digest: '' });
    expect(w.registry.tags.has('v2')).toBe(false);
  });

  test('another run refuses what this one could not look at: red', async () => {
    const w = truthful();
    Object.assign(w.ports, {
      pipe: async () => {
        const [[src, digest] = ['', '']] = [...w.registry.tags];
        w.registry.tags.set(refusalTag({ hash: src.replace('src-', ''), digest }), digest);
        return Promise.reject(new Error('docker took longer than 20 s'));
      },
    });
    const { failure, outputs } = await w.run(mine);
    expect(failure?.code).toBe('ImageRefused');
    expect(outputs).toMatchObject({ image: '', tags: '' });
  });

  test('what is left of a look is told, and the image counts as looked at', async () => {
    const w = truthful();
    w.programs.failing.set('rm', 'Error response from daemon: device busy');
    const { summary } = await w.run(mine);
    expect(summary).toMatch(/- ⚠️ What was made to look into the image is left: .*device busy/);
    expect((await w.run(mine)).plan.steps).toEqual([]);
  });

  test('before a program is refused, the whole search path is looked at', async () => {
    const w = truthful();
    Object.assign(w.built, { config: { Entrypoint: ['server'], Env: ['PATH=/usr/sbin:/usr/bin'] } });
    Object.assign(w.imageFiles, { '/usr/sbin/server': x86, '/usr/bin/server': arm64 });
    const { failure } = await w.run(mine);
    expect(failure).toBeUndefined();
    expect(w.log).toContain('Checked: /usr/sbin/server in the linux/amd64 image is an x86-64 program');
  });

  test('another run’s image is given the time to be fetched, for its platform', async () => {
    const w = truthful({ architecture: 'arm64', program: arm64 });
    const inputs = { ...mine, platforms: 'linux/arm64' };
    w.docker.buildx = 'docker';
    await killedAfterPush(w, inputs);
    const { outputs } = await w.run(inputs);
    expect(outputs['outcome']).toBe('reused');
    expect(w.programs.asked[0]).toMatchObject({
      line: `create --name private-1 --platform linux/arm64 localhost:5000/app@${outputs['digest']}`,
      timeoutMs: 120_000,
    });
  });

  test('what is used again was looked at when it was built', async () => {
    const w = truthful();
    await w.run(mine);
    w.programs.asked.length = w.registry.calls.length = 0;
    expect((await w.run({ ...mine, tags: 'v1' })).outputs['outcome']).toBe('reused');
    expect(w.programs.asked).toEqual([]);
    expect(w.registry.calls).not.toContain('login');
  });

  test('with the token that was good last', async () => {
    const w = truthful();
    let tokens = 0;
    w.registry.login = async () => ((tokens += 1), { username: 'AWS', password: `p${tokens}`, basic: `b${tokens}` });
    const places: string[] = [];
    const { openContent, docker } = w.ports;
    let pushes = 0;
    Object.assign(w.ports, {
      openContent: (place: Parameters<typeof openContent>[0]) => (places.push(place.basic), openContent(place)),
      docker: async (...[args, options]: Parameters<typeof docker>) => {
        if (args[0] !== 'push' || (pushes += 1) > 1) return docker(args, options);
        options?.onLine?.('denied: Your authorization token has expired. Reauthenticate and try again.');
        return { exitCode: 1, stdout: '', stderr: '' };
      },
    });
    expect((await w.run(mine)).failure).toBeUndefined();
    expect([tokens, places]).toEqual([2, ['b2']]);
  });

  test('an image out of an archive: in the daemon, whatever builds here', async () => {
    const w = truthful({ program: script('#!/bin/nothing') });
    w.docker.buildx = 'docker-container';
    w.texts.set('/in/image.tar', 'tar');
    w.docker.archived.set('by-hand:v1', 'sha256:loaded');
    expect((await w.run({ ...mine, archive: '/in/image.tar' })).failure).toBeUndefined();
    expect(looks(w)).toEqual(['create', 'cp', 'cp', 'rm']);
    w.imageFiles['/app/server'] = arm64;
    w.tree.sha256 = 'tree-2';
    const wrong = await w.run({ ...mine, archive: '/in/image.tar' });
    expect(wrong.failure).toMatchObject({ code: 'ArchitectureMismatch' });
  });

  test('a program that cannot be looked at fails nothing, and is a warning in log and summary', async () => {
    const w = truthful({ program: arm64 });
    w.programs.failing.set('create', 'Error response from daemon: no space');
    const { failure, outputs, summary } = await w.run(mine);
    expect([failure, outputs['tags']]).toEqual([undefined, commit]);
    const remark = 'the program of the linux/amd64 image: Error response from daemon: no space';
    expect(w.log).toContain(`warning: Not checked: ${remark}`);
    expect(summary).toContain(`- ⚠️ Not checked: ${remark}`);
  });

  test('one that is none to look at is told, and is no warning', async () => {
    const w = truthful({ program: script('PK') });
    const { failure, summary } = await w.run(mine);
    expect(failure).toBeUndefined();
    const remark = 'the program of the linux/amd64 image: /app/server was not found there as an ELF file';
    expect(w.log).toContain(`Not checked: ${remark}`);
    expect(summary).toContain(`**Not checked** | ${remark}`);
    expect(summary).not.toContain('⚠️');
  });

  test('a platform that cannot be read is red, without a tag or record; the next run looks anew', async () => {
    const w = truthful();
    const { openContent } = w.ports;
    const broken = { read: async () => Promise.reject(new Error('the registry answers 503')) };
    Object.assign(w.ports, { openContent: () => broken });
    const { failure, outputs } = await w.run({ ...mine, scan: 'high' });
    expect(failure).toMatchObject({
      code: 'PlatformUnproven',
      fault: 'cloud',
      hint: expect.stringMatching('^Run again'),
    });
    expect(failure?.message).toContain('the registry answers 503');
    expect(outputs).toMatchObject({ tags: '', changed: 'true' });
    expect(w.registry.calls.filter((call) => /^tag|scan/i.test(call))).toEqual([]);
    Object.assign(w.ports, { openContent });
    expect((await w.run(mine)).outputs).toMatchObject({ outcome: 'reused', tags: commit });
    expect(w.log).toContain('Checked: for linux/amd64, as asked');
  });
});

describe('another run was first', () => {
  test('its image is looked at, by its digest', async () => {
    const w = truthful();
    const other = w.manifestOf('another run');
    w.docker.answers.push({ start: 'push ', result: { exitCode: 1 }, lines: ['tag is immutable'] });
    const run = w.docker.run.bind(w.docker);
    w.docker.run = async (program, args, options) => {
      if (args[0] === 'push') w.registry.push((args[1] ?? '').replace(/^.*:/, ''), other);
      return run(program, args, options);
    };
    const { failure, outputs, summary } = await w.run(mine);
    expect([failure, outputs['digest']]).toEqual([undefined, digestOf(other)]);
    expect(summary).toContain('♻️ Built by another run meanwhile: `app`');
    expect(w.programs.asked[0]?.line).toBe(
      `create --name private-1 --platform linux/amd64 localhost:5000/app@${digestOf(other)}`,
    );
    w.imageFiles['/app/server'] = arm64;
    w.registry.tags.clear();
    expect((await w.run(mine)).failure).toMatchObject({ code: 'ArchitectureMismatch' });
  });

  test('a tag that can be moved names its image: used and told', async () => {
    const w = truthful();
    const other = w.manifestOf('another run');
    w.docker.onPush = () => w.registry.push([...w.registry.tags.keys()].at(-1) ?? '', other);
    const { failure, outputs } = await w.run(mine);
    expect([failure, outputs['digest']]).toEqual([undefined, digestOf(other)]);
    expect(w.log.some((line) => line.startsWith('warning: Another run pushed the same source right after'))).toBe(true);
    expect(w.programs.asked[0]?.line).toContain(`@${digestOf(other)}`);
  });

  test.each([
    ['that is there', immutable],
    ['that this run makes', undefined],
  ])('a tag that nobody can move, in a repository %s, names another image: red, and never used', async (_, known) => {
    const fixed = truthful();
    const other = fixed.manifestOf('another run');
    fixed.registry.known = known;
    fixed.docker.onPush = () => fixed.registry.push([...fixed.registry.tags.keys()].at(-1) ?? '', other);
    const refused = await fixed.run(mine);
    expect(refused.failure).toMatchObject({ code: 'DigestMismatch' });
    for (const digest of [digestOf(other), digestOf(fixed.manifestOf('tree-1'))]) {
      expect(refused.failure?.message).toContain(digest);
    }
    expect(fixed.registry.tags.has(commit)).toBe(false);
    fixed.docker.onPush = () => undefined;
    const { plan, outputs } = await fixed.run(mine);
    expect(plan.reason).toBe('the image of this source was refused before');
    expect(outputs).toMatchObject({ outcome: 'built', digest: digestOf(fixed.manifestOf('tree-1')), tags: commit });
  });
});

describe('another run with the same daemon took the name before ours was pushed', () => {
  const raced = (id: string): ReturnType<typeof truthful> => {
    const w = truthful();
    const other = w.manifestOf('another');
    w.registry.known = immutable;
    w.docker.buildx = 'docker';
    w.docker.onPush = () => {
      w.registry.push([...w.registry.tags.keys()].at(-1) ?? '', other);
      const name = `localhost:5000/app@${digestOf(other)}`;
      w.docker.local.set(name, { id, repoDigests: [name] });
    };
    return w;
  };

  test.each([
    ['its image was pushed, which is told and used', 'sha256:1', true],
    // Asked for the digest of a name that another image has by then, buildx tells the id of its own.
    ['ours was pushed, and buildx could only tell its id', digestOf(truthful().manifestOf('tree-1')), false],
  ])('%s', async (_, id, isWarned) => {
    const w = raced(id);
    const digest = digestOf(w.manifestOf('another'));
    const { failure, outputs } = await w.run(mine);
    expect([failure, outputs['digest']]).toEqual([undefined, digest]);
    expect(w.programs.asked[0]?.line).toContain(`localhost:5000/app@${digest}`);
    expect(w.log.some((line) => line.startsWith('warning: Another run pushed the same source'))).toBe(isWarned);
    expect(w.log.includes(`The registry confirms ${digest}`)).toBe(!isWarned);
  });

  test('what a builder beside the daemon pushed, the daemon has no say in', async () => {
    const w = raced('sha256:1');
    w.docker.buildx = 'remote';
    expect((await w.run(mine)).failure?.code).toBe('DigestMismatch');
  });
});

test('another run’s image that was looked at is not refused for what docker said of ours', async () => {
  const w = truthful();
  const other = w.manifestOf('another run');
  w.registry.known = immutable;
  w.docker.onPush = () => {
    const src = [...w.registry.tags.keys()].at(-1) ?? '';
    w.registry.push(src, other);
    const of = { hash: src.replace('src-', ''), digest: digestOf(other) };
    w.registry.push(recordTag(of, { commit, ms: 1 }), other);
  };
  expect((await w.run(mine)).failure?.code).toBe('DigestMismatch');
  expect([...w.registry.tags.keys()].filter((tag) => tag.endsWith('.refused'))).toEqual([]);
  w.docker.onPush = () => undefined;
  expect((await w.run(mine)).outputs).toMatchObject({ outcome: 'reused', digest: digestOf(other) });
});

test('nothing that is masked is a part of what is handed on', async () => {
  const w = truthful();
  const { outputs } = await w.run({ tags: 'v1\nlatest' });
  expect(outputs['image']).toMatch(/^123456789012\.dkr\.ecr\.us-east-1\.amazonaws\.com\/app@sha256:/);
  expect(w.masked).toEqual(['registry-password', 'QVdTOnBhc3M=']);
  for (const value of Object.values(outputs)) for (const secret of w.masked) expect(value).not.toContain(secret);
});
