import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { ActionRun } from '../../bundle/spawn-action.ts';
import { writeSite, type Site } from '../../bundle/sync-frontend.sites.ts';
import { multipartThreshold } from '../../../shared/core/multipart.ts';
import type { Scenario } from './model.ts';
import type { Place } from './place.ts';

const page = (release: string): Site => ({
  'index.html': `<!doctype html><html><script src="/assets/app-${release}.js"></script></html>`,
  [`assets/app-${release}.js`]: `// ${release}`,
});

const bucketOf = ({ outputs }: Place): string => outputs['frontend-bucket'] ?? '';

async function sync(place: Place, site: Site, inputs: Readonly<Record<string, string>> = {}): Promise<ActionRun> {
  const source = await writeSite(site);
  return place.action('sync-frontend', { source, bucket: bucketOf(place), ...inputs }, { cwd: source });
}

/** Releases that were published before, by an administrator. */
const published =
  (...releases: readonly string[]) =>
  async (place: Place): Promise<void> => {
    for (const release of releases) {
      const source = await writeSite(page(release));
      await place.asAdministrator('sync-frontend', { source, bucket: bucketOf(place), 'release-id': release });
    }
  };

/** Keys in the bucket, records aside. */
async function keys(place: Place): Promise<readonly string[]> {
  const { Contents = [] } = await place.aws.s3.send(new ListObjectsV2Command({ Bucket: bucketOf(place) }));
  return Contents.map(({ Key = '' }) => Key).filter((key) => !key.startsWith('.releases/'));
}

const holds =
  (...wanted: readonly string[]) =>
  async (place: Place): Promise<readonly string[]> => {
    const found = (await keys(place)).toSorted().join(' ');
    return found === wanted.toSorted().join(' ') ? [] : [`the bucket holds ${found}`];
  };

export const frontendScenarios: readonly Scenario[] = [
  {
    name: 'sync: first publication',
    roles: ['deploy-frontend'],
    world: 'standing',
    run: (place) => sync(place, page('one')),
    expected: { exitCode: 0, outputs: { changed: 'true', uploaded: '2', publication: /./ } },
    after: holds('index.html', 'assets/app-one.js'),
  },
  {
    name: 'sync: nothing changed',
    roles: ['deploy-frontend'],
    world: 'standing',
    prepare: published('one'),
    run: (place) => sync(place, page('one')),
    expected: { exitCode: 0, outputs: { changed: 'false', uploaded: '0' } },
  },
  {
    name: 'sync: what no kept release names is deleted',
    roles: ['deploy-frontend'],
    world: 'standing',
    prepare: published('one'),
    run: (place) => sync(place, page('two'), { 'retain-releases': '1' }),
    expected: { exitCode: 0, outputs: { changed: 'true', deleted: '1' } },
    after: holds('index.html', 'assets/app-two.js'),
  },
  {
    name: 'sync: back to the release before',
    roles: ['deploy-frontend'],
    world: 'standing',
    prepare: published('one', 'two'),
    run: (place) => sync(place, page('two'), { 'rollback-to': 'previous' }),
    expected: { exitCode: 0, outputs: { changed: 'true' } },
    after: holds('index.html', 'assets/app-one.js', 'assets/app-two.js'),
  },
  {
    name: 'sync: cancelled while a large file goes up in parts',
    roles: ['deploy-frontend'],
    world: 'standing',
    run: async (place) => {
      const source = await writeSite({ ...page('one'), 'video.bin': multipartThreshold + 40 * 1024 * 1024 });
      return cancelledUpload(place, source);
    },
    expected: { exitCode: 1, outputs: { publication: '' } },
    after: async (place) => {
      const { Uploads = [] } = await place.aws.s3.send(new ListMultipartUploadsCommand({ Bucket: bucketOf(place) }));
      return Uploads.length === 0 ? [] : [`${Uploads.length} upload in parts was left behind`];
    },
  },
  {
    name: 'invalidate: by id, and wait',
    roles: ['deploy-frontend'],
    world: 'standing',
    keeps: true,
    run: (place) => place.action('invalidate-cdn', { 'distribution-id': place.outputs['distribution-id'] ?? '' }),
    expected: { exitCode: 0, outputs: { 'invalidation-id': /./ } },
  },
  {
    name: 'invalidate: a publication, noted in its bucket',
    roles: ['deploy-frontend'],
    world: 'standing',
    run: async (place) => {
      const { outputs } = await sync(place, page('one'));
      return place.action('invalidate-cdn', {
        'distribution-id': place.outputs['distribution-id'] ?? '',
        publication: outputs['publication'] ?? '',
        paths: outputs['changed-paths'] ?? '',
        bucket: bucketOf(place),
      });
    },
    expected: { exitCode: 0, outputs: { 'invalidation-id': /./ } },
    after: async (place) => {
      const answer = await place.aws.s3.send(
        new ListObjectsV2Command({ Bucket: bucketOf(place), Prefix: '.releases/invalidated/' }),
      );
      return (answer.KeyCount ?? 0) > 0 ? [] : ['the bucket does not say that it is invalidated'];
    },
  },
];

/** The runner's cancel, as soon as the bucket knows of an upload in parts. */
async function cancelledUpload(place: Place, source: string): Promise<ActionRun> {
  const Bucket = bucketOf(place);
  let running = true;
  return place
    .action(
      'sync-frontend',
      { source, bucket: Bucket, concurrency: '1' },
      {
        cwd: source,
        onStart: (child) => {
          const look = async (): Promise<void> => {
            while (running) {
              const { Uploads = [] } = await place.aws.s3.send(new ListMultipartUploadsCommand({ Bucket }));
              if (Uploads.length > 0) return void child.kill('SIGINT');
            }
          };
          void look();
        },
      },
    )
    .finally(() => (running = false));
}
