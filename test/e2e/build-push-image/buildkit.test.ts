import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { buildTools } from '../../kit/buildkit.ts';
import { describeWith } from '../../kit/describe-with.ts';
import { Rig, type Story } from './rig.ts';
import { green, working } from './stories.ts';

interface Entry {
  readonly digest: string;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

describeWith(await buildTools(), 'build-push-image: what BuildKit alone can do', (tools) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.open('buildx-remote', tools);
  }, 120_000);
  afterAll(() => rig?.close(), 60_000);
  afterEach(() => rig.registry.forget());

  const entries = (story: Story, reference: string): readonly Entry[] =>
    (story.manifest(reference) as { manifests?: readonly Entry[] }).manifests ?? [];
  const platformsOf = (list: readonly Entry[]): readonly string[] =>
    list.map(({ platform }) => `${platform?.os}/${platform?.architecture}`);

  const layersOf = (story: Story, reference: string): readonly string[] =>
    (story.manifest(reference) as { layers: readonly Entry[] }).layers.map(({ digest }) => digest);

  /** The index under another tag: byte for byte, with all that it lists. */
  async function reuse(story: Story, inputs: Readonly<Record<string, string>>): Promise<void> {
    const { digest, manifest } = story.repository.images.get(story.tags['v1']!)!;
    rig.registry.forget();
    const again = green(await story.build({ ...inputs, tags: 'v2' }));
    expect(again.outputs).toMatchObject({ outcome: 'reused', digest });
    expect(working(again)).toEqual([]);
    expect(rig.registry.log.filter(({ protocol }) => protocol !== 'ecr')).toEqual([]);
    expect(story.tags['v2']).toBe(digest);
    const put = rig.registry.log.find(({ operation }) => operation === 'PutImage');
    expect(put?.input['imageManifest']).toBe(manifest.toString());
    for (const child of entries(story, 'v2')) expect(story.repository.images.has(child.digest)).toBe(true);
  }

  test('an index of two platforms is reused byte for byte, children and all', async () => {
    const story = rig.story('index', { mutability: 'IMMUTABLE_WITH_EXCLUSION', exclusions: ['buildcache*'] });
    await story.write({ Dockerfile: 'FROM scratch\nCOPY . /\n', hello: 'one' });
    const inputs = { platforms: 'linux/amd64\nlinux/arm64' };
    const run = green(await story.build(inputs));
    expect(run.outputs).toMatchObject({ outcome: 'built', digest: story.tags['v1'] });
    expect(platformsOf(entries(story, 'v1'))).toEqual(['linux/amd64', 'linux/arm64']);
    expect(run.summary).toMatch(/linux\/amd64: .* compressed, 1 layer<br>linux\/arm64: .* compressed, 1 layer /);
    await reuse(story, inputs);
    await story.write({ hello: 'two' });
    const next = green(await story.build({ ...inputs, tags: 'v3' }));
    const size = new RegExp(`1 layer; .* against ${run.outputs['digest']!.slice(0, 19)}, 1 of the layers new`, 'g');
    expect(next.summary.match(/linux\/arm64: .*<br>|\| .*linux\/amd64: .* \|/g)?.join('')).toMatch(size);
  });

  test.each(['min', 'max'] as const)(
    'provenance "%s": what is attested is reused with its attestation',
    async (mode) => {
      const story = rig.story(`provenance-${mode}`, {
        mutability: 'IMMUTABLE_WITH_EXCLUSION',
        exclusions: ['buildcache*'],
      });
      await story.write({ Dockerfile: 'FROM scratch\nARG GREETING\nLABEL said=${GREETING}\nCOPY . /\n', hello: 'one' });
      const inputs = { provenance: mode, 'build-args': 'GREETING=plain' };
      const run = green(await story.build(inputs));
      expect(run.outputs['digest']).toBe(story.tags['v1']);
      const [image, attestation] = entries(story, 'v1');
      expect(platformsOf([image!, attestation!])).toEqual(['linux/amd64', 'unknown/unknown']);
      expect(attestation?.annotations?.['vnd.docker.reference.digest']).toBe(image?.digest);
      const { layers } = story.manifest(attestation!.digest) as { layers: readonly Entry[] };
      expect(layers.map(({ annotations }) => annotations?.['in-toto.io/predicate-type'])).toEqual([
        expect.stringMatching(/^https:\/\/slsa\.dev\/provenance\//),
      ]);
      // Build arguments are shown by "max", which is why they are no place for secrets.
      expect((await story.blob(layers[0]!.digest)).includes('plain')).toBe(mode === 'max');
      await reuse(story, inputs);
    },
  );

  test('without being asked for, nothing is attested: scanners and Lambda want a plain image', async () => {
    const story = rig.story('plain', {});
    await story.write({ Dockerfile: 'FROM scratch\nCOPY . /\n', hello: 'one' });
    green(await story.build());
    expect(story.manifest('v1')).not.toHaveProperty('manifests');
  });

  test('layers come back from the cache in the registry, on a builder that has forgotten everything', async () => {
    const base = await rig.pushBase('cache');
    const story = rig.story('cached', { mutability: 'IMMUTABLE_WITH_EXCLUSION', exclusions: ['buildcache*'] });
    // Run again, it would write something else.
    const dockerfile = `FROM ${base}\nRUN cat /proc/uptime > /uptime\nCOPY hello /\n`;
    await story.write({ Dockerfile: dockerfile, hello: 'one' });
    green(await story.build());
    expect(story.repository.tags.has('buildcache')).toBe(true);
    await rig.docker('buildx', 'prune', '--all', '--force');
    await story.write({ hello: 'two' });
    expect(green(await story.build({ tags: 'v2' })).outputs['outcome']).toBe('built');
    const [before, after] = [layersOf(story, 'v1'), layersOf(story, 'v2')];
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(after[2]).not.toBe(before[2]);

    const other = rig.story('uncached', {});
    await other.write({ Dockerfile: dockerfile, hello: 'one' });
    rig.registry.forget();
    green(await other.build({ cache: 'none' }));
    expect(other.repository.tags.has('buildcache')).toBe(false);
    expect(rig.registry.log.filter(({ reference }) => reference.startsWith('buildcache'))).toEqual([]);
  });

  test.each([
    ['refused', { error: 'DENIED', status: 403, message: 'the cache is not yours' }],
    ['broken', { error: 'UNKNOWN', status: 500, message: 'internal' }],
    ['cut off', { drop: 'before' as const }],
  ])('a cache that is %s does not cost the image', async (name, fault) => {
    const story = rig.story(`cache-${name.replace(' ', '-')}`, {});
    await story.write({ Dockerfile: 'FROM scratch\nCOPY . /\n', hello: name });
    rig.registry.fault = ({ operation, reference }) =>
      operation.endsWith('manifest') && reference.startsWith('buildcache') ? fault : undefined;
    const run = green(await story.build());
    expect(run.outputs).toMatchObject({ outcome: 'built', digest: story.tags['v1'] });
    expect(story.repository.tags.has('buildcache')).toBe(false);
  });

  test('a base image in the same registry: pinned to what was hashed, and a new one is a new build', async () => {
    const base = await rig.pushBase('old');
    const story = rig.story('based', {});
    await story.write({ Dockerfile: `FROM ${base}\nCOPY hello /\n`, hello: 'one' });
    const before = green(await story.build());
    const digest = rig.registry.repository('base').tags.get('1')!;
    expect(before.commands.flat().join(' ')).toContain(`@${digest}`);
    expect(green(await story.build({ tags: 'v2' })).outputs['outcome']).toBe('reused');
    await rig.pushBase('new');
    const after = green(await story.build({ tags: 'v3' }));
    expect(after.outputs['outcome']).toBe('built');
    expect(after.outputs['source-hash']).not.toBe(before.outputs['source-hash']);
    const { config } = story.manifest('v3') as { config: Entry };
    expect((await story.blob(config.digest)).toString()).toContain('"mark":"new"');
  });
});
