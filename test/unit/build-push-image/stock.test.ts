import { describe, expect, test } from '@jest/globals';
import { buildRecord, isRefused, recordTag, refusalTag } from '../../../actions/build-push-image/src/build-record.ts';
import { describeSize, readSize, sizeOf } from '../../../actions/build-push-image/src/image-size.ts';
import { expiryRules, expiryWarnings } from '../../../actions/build-push-image/src/lifecycle.ts';
import type { RegistryImage } from '../../../shared/aws/ecr.ts';
import { isImageTag } from '../../../shared/core/image-ref.ts';
import { commit, hash, image } from './kit.ts';

const of = { hash, digest: `sha256:${'cd'.repeat(32)}` };

describe('the record of a build', () => {
  test.each([
    [{ commit, ms: 93_400 }, `src-abababababababab.cdcdcdcdcdcd.${commit}.93s`],
    [{ commit, ms: 1 }, `src-abababababababab.cdcdcdcdcdcd.${commit}.1s`],
    [{ commit, ms: undefined }, `src-abababababababab.cdcdcdcdcdcd.${commit}`],
    [{ commit: undefined, ms: 2000 }, 'src-abababababababab.cdcdcdcdcdcd.none.2s'],
    [{ commit: 'f'.repeat(64), ms: 99_999_000 }, `src-abababababababab.cdcdcdcdcdcd.${'f'.repeat(64)}.99999s`],
  ])('%j', (record, tag) => {
    expect(recordTag(of, record)).toBe(tag);
    expect(isImageTag(tag)).toBe(true);
    const ms = record.ms === undefined ? undefined : Math.max(1000, Math.round(record.ms / 1000) * 1000);
    expect(buildRecord(of, ['latest', `src-${hash}`, tag])).toEqual({ ...record, ms });
  });

  test('what is no commit is not written as one', () => {
    expect(recordTag(of, { commit: 'not a commit', ms: 1000 })).toBe('src-abababababababab.cdcdcdcdcdcd.none.1s');
  });

  test('other tags are no record, nor is that of another source or image', () => {
    const others = [`src-${hash}`, `src-${hash}-2`, 'v1.2.3', commit, 'src-abababababababab.cdcdcdcdcdcd.x.1s'];
    const foreign = [
      recordTag({ ...of, hash: 'cd'.repeat(32) }, { commit, ms: 1000 }),
      recordTag({ ...of, digest: `sha256:${'ef'.repeat(32)}` }, { commit, ms: 1000 }),
    ];
    expect(buildRecord(of, [...others, ...foreign])).toBeUndefined();
  });

  test('of several, the one that says most', () => {
    const bare = recordTag(of, { commit: undefined, ms: undefined });
    const named = recordTag(of, { commit, ms: undefined });
    const whole = recordTag(of, { commit, ms: 5000 });
    expect(buildRecord(of, [bare])).toEqual({ commit: undefined, ms: undefined });
    expect(buildRecord(of, [bare, named])).toEqual({ commit, ms: undefined });
    expect(buildRecord(of, [bare, named, whole])).toEqual({ commit, ms: 5000 });
    expect(buildRecord(of, [refusalTag(of)])).toBeUndefined();
    expect([
      isRefused(of, [bare, refusalTag(of)]),
      isRefused({ ...of, hash: 'ef'.repeat(32) }, [refusalTag(of)]),
    ]).toEqual([true, false]);
  });
});

describe('size', () => {
  const of = (name: string, sizes: readonly number[]) => {
    const layers = sizes.map((size) => ({ digest: `sha256:${size}`, size }));
    const manifest = JSON.stringify({ schemaVersion: 2, config: { name }, layers });
    return { ...image(name, []), manifest };
  };

  test.each([
    [of('a', [1000, 2000]), undefined, '3.0 kB compressed, 2 layers'],
    [of('a', [1000]), undefined, '1.0 kB compressed, 1 layer'],
    [
      of('a', [1000, 2000]),
      of('b', [1000, 500]),
      /^3\.0 kB compressed, 2 layers; \+1\.5 kB against sha256:[0-9a-f]{12}, 1 of the layers new \(2\.0 kB\)$/,
    ],
    [of('a', [1000]), of('b', [1000, 500]), /; −500 B against sha256:[0-9a-f]{12}, 0 of the layers new \(0 B\)$/],
  ])('%#', (now, before, said) => {
    const [text = '', ...more] = describeSize(sizeOf(now), before && sizeOf(before));
    expect(more).toEqual([]);
    if (typeof said === 'string') expect(text).toBe(said);
    else expect(text).toMatch(said);
  });

  const index = (name: string, listed: Readonly<Record<string, RegistryImage>>) => {
    const manifests = Object.entries(listed).map(([platform, { digest }]) => {
      const [os, architecture] = platform.split('/');
      return { digest, platform: { os, architecture } };
    });
    const attestation = { digest: 'sha256:a', platform: { os: 'unknown', architecture: 'unknown' } };
    return { ...image(name, []), manifest: JSON.stringify({ manifests: [...manifests, attestation] }) };
  };

  test('an index is told platform by platform, and by what the registry counts where its images were not read', () => {
    const [amd, arm, old] = [of('a', [1000]), of('b', [1000, 2000]), of('c', [500])];
    const two = index('two', { 'linux/amd64': amd, 'linux/arm64': arm });
    const read = new Map([amd, arm, old].map(({ digest, manifest }) => [digest, manifest]));
    const before = sizeOf(index('old', { 'linux/arm64': old }), read);
    expect(describeSize(sizeOf(two, read), before)).toEqual([
      'linux/amd64: 1.0 kB compressed, 1 layer',
      expect.stringMatching(/^linux\/arm64: 3\.0 kB compressed, 2 layers; \+2\.5 kB against sha256:\w{12}, 2 of the /),
    ]);
    // A single one with its attestation replaces an image without any.
    expect(describeSize(sizeOf(index('one', { 'linux/amd64': amd }), read), sizeOf(old))).toEqual([
      expect.stringMatching(/^1\.0 kB compressed, 1 layer; \+500 B against /),
    ]);
    expect(describeSize({ ...sizeOf(two), bytes: 5_000_000 }, before)).toEqual(['5.0 MB compressed']);
    expect(describeSize({ ...sizeOf(two), bytes: undefined }, before)).toEqual([]);
  });

  test('the manifests of an index are asked for in one call; of another image none', async () => {
    const asked: unknown[] = [];
    const one = of('a', [1000]);
    const registry = {
      manifests: async (...words: readonly unknown[]) => {
        asked.push(words);
        return new Map([[one.digest, one.manifest]]);
      },
    };
    expect(await readSize(one, 'app', registry)).toEqual(sizeOf(one));
    expect(asked).toEqual([]);
    const { parts } = await readSize(index('i', { 'linux/amd64': one }), 'app', registry);
    expect(parts).toEqual([{ platform: 'linux/amd64', layers: [{ digest: 'sha256:1000', bytes: 1000 }] }]);
    expect(asked).toEqual([['app', [one.digest]]]);
  });

  test('the same image is not compared', () => {
    const one = sizeOf(of('a', [1000]));
    expect(describeSize(one, one)).toEqual(['1.0 kB compressed, 1 layer']);
  });
});

describe('lifecycle', () => {
  const rule = (selection: object, type = 'expire') => ({ selection, action: { type } });
  const policy = (...rules: readonly object[]): string => JSON.stringify({ rules });
  const day = 24 * 60 * 60 * 1000;
  const now = Date.UTC(2026, 5, 1);
  const at = (name: string, days: number, tags: readonly string[]) => image(name, tags, now - days * day);
  const said = (text: string | undefined, images: readonly ReturnType<typeof at>[], builds = 0) =>
    expiryWarnings({
      rules: expiryRules(text),
      images,
      watched: new Map([[at('old', 40, []).digest, 'The old one']]),
      builds,
      now,
    });
  const old = at('old', 40, ['src-1', 'prod-1']);
  const younger = [1, 2, 3].map((days) => at(`y${days}`, days, [`src-y${days}`]));

  test.each([
    [
      { tagStatus: 'tagged', tagPatternList: ['src-*'], countType: 'imageCountMoreThan', countNumber: 4 },
      /is number 4 of the 4 .*: it expires after 1 more build\./,
    ],
    [
      { tagStatus: 'tagged', tagPrefixList: ['src-'], countType: 'imageCountMoreThan', countNumber: 9 },
      /after 6 more builds/,
    ],
    [{ tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 3 }, /expires within a day/],
    [{ tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 10 }, undefined],
    // Every pattern of a rule has to match.
    [
      { tagStatus: 'tagged', tagPatternList: ['src-*', 'v*'], countType: 'imageCountMoreThan', countNumber: 1 },
      undefined,
    ],
    [
      { tagStatus: 'tagged', tagPatternList: ['src-*', 'prod-*'], countType: 'imageCountMoreThan', countNumber: 1 },
      /number 1 of the 1/,
    ],
    [
      { tagStatus: 'any', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 50 },
      /50 days after its first push: in 10 days/,
    ],
    [{ tagStatus: 'any', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 40 }, /within a day/],
    [{ tagStatus: 'any', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 60 }, undefined],
    [{ tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 7 }, undefined],
    [{ tagStatus: 'any', countType: 'somethingNew', countNumber: 1 }, undefined],
  ])('%j', (selection, warning) => {
    const lines = said(policy(rule(selection)), [old, ...younger]);
    if (warning === undefined) expect(lines).toEqual([]);
    else expect(lines).toEqual([expect.stringMatching(warning)]);
  });

  test('what ECR puts into its archive cannot be pulled either', () => {
    const archived = (selection: object) => said(policy(rule(selection, 'transition')), [old, ...younger])[0];
    expect(archived({ tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 4 })).toMatch(
      /it is archived after 1 more build/,
    );
    expect(archived({ tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 3 })).toMatch(
      /it is archived within a day/,
    );
    expect(archived({ tagStatus: 'any', countType: 'sinceImagePushed', countNumber: 50 })).toMatch(
      / is archived 50 days after its first push: in 10 days/,
    );
  });

  test('the build that is about to come counts, and the nearest of several rules is told', () => {
    const count = { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 10 };
    expect(said(policy(rule(count)), [old, ...younger])).toEqual([]);
    expect(said(policy(rule(count)), [old, ...younger], 1)).toHaveLength(1);
    const age = { tagStatus: 'any', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 41 };
    const both = policy(rule({ ...count, countNumber: 9 }), rule(age));
    expect(said(both, [old, ...younger])).toEqual([expect.stringContaining('in 1 day.')]);
  });

  test('what does not expire, is not there, or is no policy says nothing', () => {
    const selection = { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 1 };
    expect(said(policy(rule(selection, 'keep')), [old])).toEqual([]);
    expect(said(policy(rule(selection)), younger)).toEqual([]);
    for (const text of [undefined, '', 'no JSON', '[]', '{"rules":{}}', '{"rules":[null,1]}']) {
      expect(said(text, [old])).toEqual([]);
    }
  });
});
