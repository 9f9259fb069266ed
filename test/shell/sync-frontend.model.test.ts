import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { headersFor } from '../../actions/sync-frontend/src/headers.ts';
import type { PublishInputs, RollbackInputs } from '../../actions/sync-frontend/src/inputs.ts';
import { publishScope } from '../../actions/sync-frontend/src/scope.ts';
import { syncFrontend } from '../../actions/sync-frontend/src/sync.ts';
import { PreconditionError } from '../../shared/core/errors.ts';
import { markerPath, parseState, statePath, type SiteState } from '../../shared/core/release.ts';
import { covers, viewerPaths } from '../../shared/core/url-path.ts';
import { FakeBucket, portsOn, publishInputs, refused, rollbackInputs, type Site } from './sync-frontend.fakes.ts';

/**
 * Random histories of a site: publishes, rollbacks, runs that are cut off at any request, somebody's hands in the bucket. After every
 * single object that is written or deleted, no page may refer to anything that is missing; after every run that ends well, the bucket
 * holds exactly what it should, and whatever a CDN may hold of before is named.
 */

/** A hashed name stands for one content, as from a bundler. */
const assets = ['assets/a-aaaa1111.js', 'assets/b-bbbb2222.js', 'assets/c-cccc3333.css', 'assets/deep/d-dddd4444.png'];
const files = ['robots.txt', 'manifest.json', 'img/logo.png', '.well-known/apple-app-site-association'];
/** What no page refers to, so that it can be left out. */
const extras = ['extra/a.txt', 'extra/b.png'];
const pages = ['index.html', 'docs/index.html', 'docs/deep/é a.html', 'about'];

const pageShape = fc.record({
  version: fc.nat(1),
  assets: fc.subarray(assets),
  files: fc.subarray(files),
  links: fc.subarray(pages),
});
type PageShape = typeof pageShape extends fc.Arbitrary<infer T> ? T : never;

const site: fc.Arbitrary<Site> = fc
  .record({
    pages: fc.array(fc.tuple(fc.constantFrom(...pages), pageShape), { minLength: 1, maxLength: 4 }),
    files: fc.array(fc.tuple(fc.constantFrom(...files, ...extras), fc.nat(2)), { maxLength: 4 }),
    assets: fc.subarray(assets),
  })
  .map((shape) => build(new Map(shape.pages), new Map(shape.files), shape.assets));

function build(pageOf: ReadonlyMap<string, PageShape>, fileOf: ReadonlyMap<string, number>, extra: readonly string[]) {
  const built: Record<string, string> = { 'z.html': '<p>there is always a page</p>' };
  for (const asset of extra) built[asset] = `content of ${asset}`;
  for (const [path, version] of fileOf) built[path] = `${path} ${version}`;
  for (const [path, shape] of pageOf) {
    const links = shape.links.filter((link) => pageOf.has(link));
    built[path] = [
      `<p>${shape.version}</p>`,
      ...[...shape.assets, ...shape.files].map((ref) => `<script src="/${ref}">`),
      ...links.map((link) => `<a href="/${link}">`),
    ].join('');
    for (const asset of shape.assets) built[asset] = `content of ${asset}`;
    for (const file of shape.files) built[file] ??= `${file} 0`;
  }
  return built;
}

/** So much besides that it does not all find room in the state: some of it goes into packs, and one file is too large for either. */
function inflate(given: Site): Site {
  const version = Object.keys(given).length % 3;
  const sizes = [...Array.from({ length: 7 }, () => 64_000), 66_000];
  return {
    ...given,
    ...Object.fromEntries(
      sizes.map((size, n) => [`data/${n}.json`, `${n} ${(n * version) % 3} `.padEnd(size, '.')] as const),
    ),
  };
}

const cut = fc.option(
  fc.record({ at: fc.nat(16), how: fc.constantFrom('before', 'after', 'during', 'refused', 'refused for good') }),
  { nil: undefined, freq: 2 },
);
const confirm = fc.boolean();
const retainReleases = fc.oneof({ weight: 8, arbitrary: fc.constant(3) }, fc.integer({ min: 1, max: 3 }));
const policy = fc.record({
  retainReleases,
  delete: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.boolean()),
});
const rules = fc.constantFrom<ReadonlyMap<string, string>>(
  new Map(),
  new Map([['robots.txt', 'max-age=5']]),
  new Map([
    ['*.png', 'max-age=9'],
    ['docs/**', 'max-age=1'],
  ]),
);
const publication = fc.record({
  kind: fc.constant('publish' as const),
  site,
  again: fc.boolean(),
  policy,
  rules,
  exclude: fc.constantFrom<readonly string[]>([], ['extra/**'], ['extra'], ['b.png']),
  cut,
  confirm,
});
const rollback = fc.record({
  kind: fc.constant('rollback' as const),
  target: fc.option(fc.nat(3), { nil: undefined }),
  isSameRun: fc.boolean(),
  retainReleases,
  cut,
  confirm,
});
const hand = fc.record({ kind: fc.constant('hand' as const), remove: fc.boolean(), which: fc.nat(20) });
const history = fc.record({
  prefix: fc.constantFrom('', 'app/'),
  opaqueEtags: fc.boolean(),
  concurrency: fc.integer({ min: 1, max: 4 }),
  isMuch: fc.oneof({ weight: 2, arbitrary: fc.constant(false) }, fc.constant(true)),
  filledBefore: fc.option(site, { nil: undefined }),
  steps: fc.array(
    fc.oneof({ weight: 6, arbitrary: publication }, { weight: 3, arbitrary: rollback }, { weight: 1, arbitrary: hand }),
    { minLength: 2, maxLength: 9 },
  ),
});
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;
type Publication = typeof publication extends fc.Arbitrary<infer T> ? T : never;
type Rollback = typeof rollback extends fc.Arbitrary<infer T> ? T : never;

const contentTypes = new Map([['about', 'text/html; charset=utf-8']]);
const isAPage = (path: string): boolean => path.endsWith('.html') || path === 'about';
const strangers = {
  'app-2/index.html': 'a neighbour',
  'app-2/.releases/state.json': 'a neighbour’s state',
  'app/uploads/photo.jpg': 'out of scope',
  'uploads/photo.jpg': 'out of scope',
  'app/.htaccess': 'hidden',
  '.htaccess': 'hidden',
};

class World {
  readonly bucket = new FakeBucket();
  readonly given: History;
  /** Values of each path that a cache may hold: what the origin served since the path was last invalidated. */
  readonly held = new Map<string, Set<string>>();
  readonly releases = new Map<string, Site>();
  readonly publications = new Set<string>();
  /** What somebody touched, and no run has set since. */
  readonly touched = new Set<string>();
  isDamaged = false;
  /** Somebody removed what pages link to, or a first publish that was cut off left half a site, which counts as what was there before. */
  mayLackPages = false;
  wasCut = false;
  beforeFirst: Site = {};
  isNew = true;
  lastSite: Site = {};
  lastPublication = '';
  lastServed = '';
  runs = 0;
  retained = 3;

  constructor(given: History) {
    this.given = given;
    this.bucket.opaqueEtags = given.opaqueEtags;
    for (const [key, content] of Object.entries(strangers)) this.bucket.place(key, content);
    for (const [path, content] of Object.entries(this.#sized(given.filledBefore ?? {}))) this.#place(path, content);
    this.look();
    this.isNew = false;
  }

  #sized(site: Site): Site {
    return this.given.isMuch ? inflate(site) : site;
  }

  #place(path: string, content: string): void {
    this.bucket.place(this.given.prefix + path, content);
  }

  /** Everything that viewers can get, within the scope. */
  served(): Site {
    const { prefix } = this.given;
    const own = this.bucket.keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
    const scope = publishScope({ include: [], exclude: ['uploads/**', 'app/**', 'app-2/**'] });
    return Object.fromEntries(own.filter(scope.file).map((path) => [path, this.bucket.content(prefix + path)!]));
  }

  /** With the headers: what is different to a viewer. */
  value(path: string): string {
    const object = this.bucket.objects.get(this.given.prefix + path);
    return object === undefined ? 'nothing' : JSON.stringify([object.content, object.headers ?? 'unknown']);
  }

  /** Caches may take anything at any time. */
  look(): void {
    for (const path of [...Object.keys(this.served()), ...this.held.keys()]) {
      const held = this.held.get(path) ?? new Set(this.isNew ? [] : ['nothing']);
      held.add(this.value(path));
      this.held.set(path, held);
    }
  }

  state(): SiteState | undefined {
    const text = this.bucket.content(this.given.prefix + statePath);
    return text === undefined ? undefined : parseState(text);
  }

  /** `page → what is missing`, of every page; links between pages as one finds them from the root. */
  dangling(): readonly string[] {
    const served = this.served();
    const refs = (path: string, attribute: string): readonly string[] =>
      [...(served[path] ?? '').matchAll(new RegExp(`${attribute}="/([^"]+)"`, 'g'))].map((match) => match[1]!);
    const missing = (path: string, attribute: string): readonly string[] =>
      refs(path, attribute)
        .filter((ref) => served[ref] === undefined)
        .map((ref) => `${path} → ${ref}`);
    const reached = new Set(['index.html']);
    for (const path of reached) for (const link of refs(path, 'href')) reached.add(link);
    return [
      ...Object.keys(served)
        .filter(isAPage)
        .flatMap((path) => missing(path, 'src')),
      ...(this.mayLackPages ? [] : [...reached].flatMap((path) => missing(path, 'href'))),
    ];
  }

  touch(remove: boolean, which: number): void {
    // What was there before the first publish is whole, or what comes back of it could not be.
    if (this.state() === undefined) return;
    const paths = Object.keys(this.served());
    const path = paths[which % Math.max(1, paths.length)];
    if (path === undefined) return;
    this.isDamaged = true;
    this.mayLackPages ||= remove;
    this.touched.add(path);
    if (remove) this.bucket.objects.delete(this.given.prefix + path);
    else this.#place(path, `touched ${this.runs} ${which}`);
    this.look();
  }

  async run(inputs: PublishInputs | RollbackInputs, source: Site, given: Publication['cut']) {
    const { bucket } = this;
    this.runs += 1;
    const before = new Set(this.dangling());
    if (given !== undefined) this.wasCut = true;
    if (this.state() === undefined) this.beforeFirst = this.served();
    let isCut = false;
    const check = (): void => {
      this.look();
      expect(this.dangling().filter((line) => !before.has(line))).toEqual([]);
    };
    let index = -1;
    const die = (): never => {
      isCut = true;
      throw new Error('killed');
    };
    bucket.before = () => {
      index += 1;
      if (index === given?.at && given.how === 'before') die();
      if (index === given?.at && given.how === 'refused') throw refused('SlowDown', 503);
      if (given !== undefined && index >= given.at && given.how === 'refused for good')
        throw refused('AccessDenied', 403);
    };
    bucket.during = () => {
      check();
      if (index === given?.at && given.how === 'during') die();
    };
    bucket.after = () => {
      check();
      if (index === given?.at && given.how === 'after') die();
    };
    try {
      return await syncFrontend(inputs, portsOn(bucket, source));
    } catch (error) {
      if (isCut) return undefined;
      throw error;
    } finally {
      this.mayLackPages ||= this.state() === undefined;
      bucket.before = bucket.after = bucket.during = () => undefined;
      for (const [key, content] of Object.entries(strangers))
        expect([key, bucket.content(key)]).toEqual([key, content]);
    }
  }

  /** Only ever lowered: what a run did not keep aside, a later one cannot bring back. */
  #retain(retainReleases: number): number {
    this.retained = Math.min(this.retained, retainReleases);
    return this.retained;
  }

  async publish({
    site: fresh,
    again,
    policy: { retainReleases, delete: isDeleting },
    rules: cacheControl,
    ...step
  }: Publication) {
    const { prefix, concurrency } = this.given;
    const source = again ? this.lastSite : this.#sized(fresh);
    if (Object.keys(source).length === 0) return;
    const inputs = publishInputs({
      prefix,
      basePath: `/${prefix}`,
      releaseId: `r${this.runs}`,
      cacheControl,
      contentTypes,
      exclude: ['uploads/**', 'app/**', 'app-2/**', ...step.exclude],
      retainReleases: this.#retain(retainReleases),
      delete: isDeleting,
      concurrency,
    });
    const scope = publishScope(inputs).file;
    const headers = headersFor(inputs);
    const wanted = Object.fromEntries(Object.entries(source).filter(([path]) => scope(path)));
    this.releases.set(inputs.releaseId, wanted);
    const report = await this.run(inputs, source, step.cut);
    this.lastSite = source;
    if (step.cut === undefined) expect(report?.outputs['published']).toBe('true');
    if (report === undefined || report.outputs['published'] !== 'true') return;
    for (const [path, content] of Object.entries(wanted)) {
      expect([path, this.value(path)]).toEqual([path, JSON.stringify([content, headers(path)])]);
    }
    this.#judge(inputs, report.outputs, { wanted, isInScope: scope, isConfirmed: step.confirm });
    expect(this.releases.get(report.outputs['release-id']!)).toEqual(wanted);

    // The same once more: nothing is written, and it says the same.
    this.bucket.log.length = 0;
    const repeated = await syncFrontend({ ...inputs, releaseId: 'another' }, portsOn(this.bucket, source));
    expect(this.bucket.writes).toEqual([]);
    for (const name of ['publication', 'changed-paths', 'release-id']) {
      expect(repeated.outputs[name]).toBe(report.outputs[name]);
    }
  }

  async rollback({ target, isSameRun, retainReleases, cut: given, confirm: isConfirmed }: Rollback) {
    const { prefix, concurrency } = this.given;
    const before = this.state();
    const id = target === undefined ? 'previous' : (before?.releases[target]?.id ?? 'none');
    const inputs = rollbackInputs(id, {
      prefix,
      basePath: `/${prefix}`,
      exclude: ['uploads/**', 'app/**', 'app-2/**'],
      runId: isSameRun ? 'run' : `run-${this.runs}`,
      retainReleases: this.#retain(retainReleases),
      concurrency,
    });
    const writes = this.bucket.writes.length;
    const report = await this.run(inputs, {}, given).catch((error: unknown) => {
      if (!(error instanceof PreconditionError)) throw error;
      expect(this.bucket.writes).toHaveLength(writes);
      // Only somebody's hands may make a kept release incomplete, or a run that was cut off: one that kept nothing aside of it, as
      // it was about to fall out of the record, or one that changed headers where ETags are no hashes.
      const place = before?.releases.findIndex((release) => error.message.includes(` release ${release.id} `)) ?? 0;
      const isLost = this.wasCut && (this.given.opaqueEtags || place >= this.retained - 1);
      const accepted =
        this.isDamaged || isLost ? /^(?:NoRelease|NoSuchRelease|ReleaseIncomplete)$/ : /^(?:NoRelease|NoSuchRelease)$/;
      expect(error.code).toMatch(accepted);
      return undefined;
    });
    if (given === undefined && report !== undefined) expect(report.outputs['published']).toBe('true');
    if (report === undefined || report.outputs['published'] !== 'true') return;
    const release = this.state()!.releases[0]!;
    const served = this.served();
    const now = Object.fromEntries([...release.files.keys()].map((path) => [path, served[path]]));
    // Before the first release: what there was of the scope.
    if (release.id === 'before-slipway') expect(this.beforeFirst).toMatchObject(now);
    else expect(now).toEqual(this.releases.get(release.id));
    const isInScope = publishScope(inputs).file;
    this.#judge(inputs, report.outputs, { wanted: Object.fromEntries(release.files), isInScope, isConfirmed });
  }

  #judge(
    inputs: PublishInputs | RollbackInputs,
    outputs: Readonly<Record<string, string>>,
    run: { readonly wanted: object; readonly isInScope: (path: string) => boolean; readonly isConfirmed: boolean },
  ): void {
    const { basePath, delete: isDeleting } = inputs;
    const served = this.served();
    const state = this.state()!;
    const isWanted = (path: string): boolean => Object.hasOwn(run.wanted, path);
    if (isDeleting) {
      const strays = Object.keys(served)
        .filter((path) => !isWanted(path) && run.isInScope(path))
        .filter((path) => isAPage(path) || !state.releases.slice(1).some(({ files: named }) => named.has(path)));
      expect(strays).toEqual([]);
    }
    for (const path of this.touched) if (isWanted(path)) this.touched.delete(path);

    const publication = outputs['publication']!;
    const isAdopted = state.releases[0]?.id === 'before-slipway';
    const now = JSON.stringify(
      Object.keys(run.wanted)
        .sort()
        // Whose headers nobody knows.
        .map((path) => [path, isAdopted ? contentOf(this.value(path)) : this.value(path)]),
    );
    if (now !== this.lastServed) expect(this.publications.has(publication)).toBe(false);
    this.publications.add(publication);
    this.lastServed = now;

    const named = JSON.parse(outputs['changed-paths']!) as readonly string[];
    for (const [path, held] of this.held) {
      const now = this.value(path);
      // A name that stands for its content may be new or gone, or get other headers, without anybody having to forget it; nobody
      // knows the headers of what was there before the first release, and of what open tabs may still ask for the content counts.
      const isOld = assets.includes(path)
        ? now !== 'nothing' && [...held].some((value) => value !== 'nothing' && contentOf(value) !== contentOf(now))
        : state.releases[0]?.id === 'before-slipway' || !isWanted(path)
          ? [...held].some((value) => contentOf(value) !== contentOf(now))
          : [...held].some((value) => value !== now);
      // What a first run that was cut off left behind is taken for what was there before.
      const isAdopted = state.releases.some(({ id, files: named }) => id === 'before-slipway' && named.has(path));
      const isOurs = isDeleting && run.isInScope(path) && !this.touched.has(path) && !isAdopted;
      const counts = isWanted(path) || isOurs;
      if (!isOld || !counts) continue;
      const isNamed = viewerPaths(basePath, path).every((url) => named.some((pattern) => covers(pattern, url)));
      expect([path, named, held, isNamed]).toEqual([path, named, held, true]);
    }
    if (run.isConfirmed) {
      this.bucket.place(this.given.prefix + markerPath({ publication, paths: named, distributionId: 'E1' }), 'I1');
      for (const path of this.held.keys()) {
        if (viewerPaths(basePath, path).some((url) => named.some((pattern) => covers(pattern, url))))
          this.held.set(path, new Set([this.value(path)]));
      }
    }
  }
}

const runs = process.env['SYNC_MODEL_RUNS'];
const contentOf = (value: string): unknown =>
  value === 'nothing' ? undefined : (JSON.parse(value) as readonly unknown[])[0];

test('whatever happens, no page refers to what is missing, and every run that ends well leaves exactly its site', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      const world = new World(given);
      for (const step of given.steps) {
        if (step.kind === 'publish') await world.publish(step);
        else if (step.kind === 'rollback') await world.rollback(step);
        else world.touch(step.remove, step.which);
      }
    }),
    // The same histories every time; `SYNC_MODEL_RUNS=5000` looks for others.
    runs === undefined ? { numRuns: 200, seed: 5 } : { numRuns: Number(runs) },
  );
});
