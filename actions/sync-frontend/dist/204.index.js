export const id = 204;
export const ids = [204];
export const modules = {

/***/ 3204:
/***/ ((__unused_webpack_module, __webpack_exports__, __webpack_require__) => {

// ESM COMPAT FLAG
__webpack_require__.r(__webpack_exports__);

// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  syncFrontend: () => (/* binding */ syncFrontend)
});

;// CONCATENATED MODULE: ./shared/core/clock.ts
/** `95_000` → `1 min 35 s`. */
function humanDuration(ms) {
    const seconds = ms / 1000;
    if (seconds < 10)
        return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    if (whole < 60)
        return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
/** `1_536_000` → `1.5 MB` (decimal units, as S3 and Docker print them). */
function humanBytes(bytes) {
    const units = ['B', 'kB', 'MB', 'GB', 'TB'];
    let value = bytes;
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) {
        value /= 1000;
        unit += 1;
    }
    return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

// EXTERNAL MODULE: ./shared/core/errors.ts
var errors = __webpack_require__(6677);
// EXTERNAL MODULE: ./shared/core/pool.ts
var pool = __webpack_require__(7676);
// EXTERNAL MODULE: external "node:crypto"
var external_node_crypto_ = __webpack_require__(7598);
;// CONCATENATED MODULE: ./shared/core/hash.ts

/** Lower-case hexadecimal SHA-256. */
function sha256(data) {
    return (0,external_node_crypto_.createHash)('sha256').update(data).digest('hex');
}
/** JSON with sorted keys and without `undefined`, so that equal values have equal text. */
function canonicalJson(value) {
    if (value === undefined)
        return 'null';
    if (value === null || typeof value !== 'object')
        return JSON.stringify(value);
    if (isArray(value))
        return `[${value.map(canonicalJson).join(',')}]`;
    const entries = Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
        .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`);
    return `{${entries.join(',')}}`;
}
function isArray(value) {
    return Array.isArray(value);
}
/** SHA-256 of the canonical JSON. */
function fingerprint(value) {
    return sha256(canonicalJson(value));
}

;// CONCATENATED MODULE: ./shared/core/release.ts


/**
 * What sync-frontend keeps in the bucket beside a site, under `<prefix>.releases/` (dotted, and denied to CloudFront):
 *
 * - `state.json`: the release that is served, the ones before it, and what a CDN has to forget. One object, read and written whole,
 *   because a publish of one changed file should cost a handful of requests, not one per release.
 * - `bodies/<sha256>`: content that was overwritten and that a retained release still names, so that a rollback needs no rebuild.
 * - `invalidated/<publication>.<paths>`: that a publication's invalidation was done. A name in the listing costs sync no request, and
 *   nobody has to rewrite `state.json` while somebody else may publish.
 */
const folder = '.releases/';
const format = 'slipway-site/1';
const statePath = `${folder}state.json`;
const bodiesFolder = `${folder}bodies/`;
const markersFolder = `${folder}invalidated/`;
function isReleasePath(path) {
    return path.startsWith(folder);
}
function bodyPath(file) {
    return `${bodiesFolder}${file.sha256 ?? `etag-${file.etag}`}`;
}
/** Where the invalidation of exactly these paths (or of everything, `/*`) is noted for a publication. */
function markerPath(publication, paths) {
    const what = paths.includes('/*') ? 'all' : sha256([...new Set(paths)].sort().join('\n')).slice(0, 32);
    return `${markersFolder}${publication}.${what}`;
}
/** The names of the marker that prove it: these very paths, or everything. */
function markerPaths(publication, paths) {
    return [...new Set([markerPath(publication, paths), markerPath(publication, ['/*'])])];
}
function contentHash(files) {
    const lines = [...files].map(({ path, sha256: hash, etag, headers }) => JSON.stringify([path, hash ?? etag ?? '', headers?.contentType ?? '', headers?.cacheControl ?? '']));
    return sha256(lines.sort().join('\n'));
}
/** What viewers get: new on every change, also when the content has been there before; the same on a rerun. */
function publicationOf(release) {
    return `${release.sequence}-${release.content.slice(0, 16)}`;
}
/** Was the invalidation of what the newest release changed done, as the names below `.releases/` say? */
function isInvalidated({ releases, paths }, internal) {
    const [newest] = releases;
    if (paths.length === 0 || newest === undefined)
        return true;
    return markerPaths(publicationOf(newest), paths).some((marker) => internal.has(marker));
}
/** A file that several releases share is written once, with the numbers of the releases that hold it. */
function serializeState({ releases, paths, uncertain }) {
    const headers = [];
    const rows = new Map();
    for (const [holder, release] of releases.entries()) {
        for (const file of release.files.values()) {
            const header = file.headers === undefined ? -1 : indexOf(headers, JSON.stringify(file.headers));
            const key = JSON.stringify([file.path, file.sha256 ?? null, file.size, file.etag, header]);
            const known = rows.get(key);
            if (known !== undefined)
                known.holders.push(holder);
            else {
                const holders = [holder];
                rows.set(key, { row: [file.path, file.sha256 ?? null, file.size, file.etag, header, holders], holders });
            }
        }
    }
    return JSON.stringify({
        format,
        paths,
        uncertain,
        releases: releases.map((release) => ({ ...release, files: undefined })),
        headers: headers.map((text) => JSON.parse(text)),
        files: [...rows.values()].map(({ row }) => row),
    });
}
function indexOf(list, item) {
    const index = list.indexOf(item);
    return index >= 0 ? index : list.push(item) - 1;
}
/** Throws a `PreconditionError` when the text is not ours or of a later version: guessing here could delete a live site. */
function parseState(text) {
    const state = readState(text);
    if (state !== undefined)
        return state;
    throw new errors/* PreconditionError */.Rb('UnreadableState', `${statePath} in the bucket is not a release state this version can read`, {
        hint: `Use the version that wrote it, or delete ${statePath}: the next publish then takes the bucket over as it is.`,
    });
}
function readState(text) {
    const root = record(json(text));
    const headers = listOf(root?.['headers'], fileHeaders);
    const heads = listOf(root?.['releases'], releaseHead);
    const rows = listOf(root?.['files'], fileRow);
    const paths = listOf(root?.['paths'], string);
    const uncertain = listOf(root?.['uncertain'], string);
    if (root?.['format'] !== format || !headers || !heads || !rows || !paths || !uncertain || heads.length === 0)
        return undefined;
    const files = heads.map(() => new Map());
    for (const [path, hash, size, etag, header, holders] of rows) {
        const file = { path, size, etag, sha256: hash ?? undefined, headers: headers[header] };
        for (const holder of holders)
            files[holder]?.set(path, file);
    }
    return { paths, uncertain, releases: heads.map((head, index) => ({ ...head, files: files[index] ?? new Map() })) };
}
function json(text) {
    try {
        return JSON.parse(text);
    }
    catch {
        return undefined;
    }
}
function record(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
function string(value) {
    return typeof value === 'string' ? value : undefined;
}
function count(value) {
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
function listOf(value, read) {
    if (!Array.isArray(value))
        return undefined;
    const items = [];
    for (const item of value) {
        const read_ = read(item);
        if (read_ === undefined)
            return undefined;
        items.push(read_);
    }
    return items;
}
function fileHeaders(value) {
    const contentType = string(record(value)?.['contentType']);
    const cacheControl = string(record(value)?.['cacheControl']);
    return contentType === undefined || cacheControl === undefined ? undefined : { contentType, cacheControl };
}
function releaseHead(value) {
    const head = record(value);
    const id = string(head?.['id']);
    const content = string(head?.['content']);
    const sequence = count(head?.['sequence']);
    const origin = count(head?.['origin']);
    if (id === undefined || content === undefined || sequence === undefined || origin === undefined)
        return undefined;
    const sourceHash = string(head?.['sourceHash']);
    const rolledBackBy = string(head?.['rolledBackBy']);
    return { id, content, sequence, origin, sourceHash, rolledBackBy };
}
function fileRow(value) {
    if (!Array.isArray(value))
        return undefined;
    const row = value;
    const [path, hash, size, etag, header, holders] = row;
    const holderList = listOf(holders, count);
    if (typeof path !== 'string' || typeof etag !== 'string' || typeof header !== 'number')
        return undefined;
    if (typeof size !== 'number' || holderList === undefined)
        return undefined;
    if (hash !== null && typeof hash !== 'string')
        return undefined;
    return [path, hash, size, etag, header, holderList];
}

;// CONCATENATED MODULE: ./shared/core/url-path.ts
/**
 * Characters that CloudFront wants percent-encoded in an invalidation: RFC 1738's unsafe ones, controls and everything outside ASCII.
 * Encoding any other character makes a path that matches nothing, without an error
 * (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html).
 */
const unsafe = /[\u0000-\u0020"<>#{}|\\^~[\]`\u007f-\u{10ffff}]/gu;
function percent(text) {
    return [...new TextEncoder().encode(text)]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
        .join('');
}
/** A path as a person or a tool wrote it, encoded as CloudFront expects. `%XX` is taken as already encoded; doing it twice changes nothing. */
function encodeUrlPath(path) {
    return path.replace(/%(?![0-9A-Fa-f]{2})/g, '%25').replace(unsafe, percent);
}
/** The URL path of an object's key: here `%`, `?` and `*` are characters of the name, not syntax. */
function keyToUrlPath(key) {
    return key.replace(/[%?*]/g, percent).replace(unsafe, percent);
}
/**
 * Every URL path under which a viewer may hold the file: an `index.html` answers for its directory as well, with and without the
 * slash. `base` is the URL path of the site, with a slash at both ends.
 */
function viewerPaths(base, path) {
    const full = keyToUrlPath(base.slice(1) + path);
    const index = /^(?:(.*)\/)?index\.html$/.exec(full);
    if (index === null)
        return [`/${full}`];
    const directory = index[1];
    return directory === undefined ? ['/', '/index.html'] : [`/${directory}`, `/${directory}/`, `/${full}`];
}
/** True when `pattern` (a path, or a prefix that ends with `*`) stands for `path` or, if that ends with `*` too, for all of it. */
function covers(pattern, path) {
    return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}

;// CONCATENATED MODULE: ./actions/sync-frontend/src/compare.ts
function knownAs(path, { files, state }) {
    const stored = files.get(path);
    if (stored === undefined || state === undefined)
        return undefined;
    const records = state.releases.flatMap((release) => release.files.get(path) ?? []);
    const match = records.find((record) => isSame(record, stored));
    if (match === undefined)
        return undefined;
    const certain = match === records[0] && !state.uncertain.includes(path);
    return { sha256: match.sha256, headers: certain ? match.headers : undefined };
}
function isSame(record, stored) {
    return stored !== undefined && record.etag === stored.etag && record.size === stored.size;
}
/** Only an object of the same size that no record explains has to be compared by its ETag. */
function needsEtag(file, bucket) {
    return bucket.files.get(file.path)?.size === file.size && knownAs(file.path, bucket)?.sha256 === undefined;
}
function compare(desired, bucket) {
    const stored = bucket.files.get(desired.path);
    if (stored === undefined)
        return 'new';
    const known = knownAs(desired.path, bucket);
    const sameContent = known?.sha256 === undefined || desired.sha256 === undefined
        ? desired.etag === stored.etag
        : known.sha256 === desired.sha256;
    if (!sameContent || stored.size !== desired.size)
        return 'content';
    return desired.headers === undefined || sameHeaders(known?.headers, desired.headers) ? 'none' : 'headers';
}
function sameHeaders(a, b) {
    return a?.contentType === b.contentType && a.cacheControl === b.cacheControl;
}

// EXTERNAL MODULE: ./node_modules/mime-db/index.js
var mime_db = __webpack_require__(9829);
// EXTERNAL MODULE: ./node_modules/picomatch/index.js
var picomatch = __webpack_require__(4006);
var picomatch_default = /*#__PURE__*/__webpack_require__.n(picomatch);
;// CONCATENATED MODULE: ./shared/core/glob.ts

/** Bash-style globs (`**`, `*`, `?`, `{a,b}`, `[a-z]`) over `/`-separated relative paths; dotfiles match as any other. A glob without a slash matches at any depth. */
function globMatcher(globs) {
    const matchers = globs.map((glob) => picomatch_default()(glob.replace(/^\.?\//, ''), { dot: true, basename: !glob.includes('/') }));
    return (path) => matchers.some((matches) => matches(path));
}

;// CONCATENATED MODULE: ./actions/sync-frontend/src/headers.ts


/** Part of every source hash: new defaults publish a site again although its sources are the same. */
const rulesVersion = 1;
const immutable = 'public, max-age=31536000, immutable';
const revalidate = 'no-cache';
/** Where mime-db is silent, names several types, or names another than browsers and app stores expect. */
const ownTypes = {
    avif: 'image/avif',
    html: 'text/html',
    htm: 'text/html',
    ico: 'image/x-icon',
    js: 'text/javascript',
    mjs: 'text/javascript',
    cjs: 'text/javascript',
    map: 'application/json',
    mp3: 'audio/mpeg',
    mp4: 'video/mp4',
    wav: 'audio/wav',
    weba: 'audio/webm',
    webmanifest: 'application/manifest+json',
    xml: 'application/xml',
};
const namesOfTheirOwn = {
    // Apple fetches it without an extension and wants exactly this type.
    'apple-app-site-association': 'application/json',
};
const unknownType = 'application/octet-stream';
let table;
/** Extension → type of the whole mime-db, the registered types first. */
function typesByExtension() {
    if (table !== undefined)
        return table;
    const types = new Map();
    const rank = (source) => (source === 'iana' ? 0 : source === undefined ? 2 : 1);
    const entries = Object.entries(mime_db).sort(([, a], [, b]) => rank(a.source) - rank(b.source));
    for (const [type, { extensions = [] }] of entries) {
        for (const extension of extensions)
            if (!types.has(extension))
                types.set(extension, type);
    }
    table = types;
    return types;
}
function typeOf(path, overrides) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const dot = name.lastIndexOf('.');
    const extension = dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
    const override = overrides.get(name) ?? (extension === '' ? undefined : overrides.get(extension));
    if (override !== undefined)
        return override;
    const type = lookUp(namesOfTheirOwn, name) ?? lookUp(ownTypes, extension) ?? typesByExtension().get(extension) ?? unknownType;
    return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}
/** Without reaching what every object inherits: a file may be called `x.constructor`. */
function lookUp(types, name) {
    return Object.hasOwn(types, name) ? types[name] : undefined;
}
const buildFolders = /(?:^|\/)(?:assets|static|chunks|js|css|media|_nuxt)\//;
/** Folders in which a framework puts nothing but content-addressed files. */
const hashedFolders = /(?:^|\/)(?:_next\/static|_app\/immutable|_astro)\//;
/**
 * Does the name hold a hash of the content, as bundlers write it? A miss costs a revalidation, a false hit a year of stale content, so in
 * doubt it is none: `icon-homepage.png`, `shot-1920x1080.png` and `report-20250131.pdf` are not.
 */
function isHashedName(path) {
    if (hashedFolders.test(path))
        return true;
    const name = path.slice(path.lastIndexOf('/') + 1);
    const stems = name.split('.').slice(0, -1);
    const hexadecimal = stems.flatMap((stem) => stem.split(/[-_]/)).some((part) => isHex(part));
    if (hexadecimal)
        return true;
    // Vite, Rollup and esbuild: `index-DiwrgTda.js`, eight characters that may themselves hold "-" and "_".
    const stem = stems[0] ?? '';
    const token = /^(?:.*-)?([\w-]{8})$/.exec(stem)?.[1];
    if (token === undefined || (stem.length > 8 && stem.at(-9) !== '-'))
        return false;
    return hasDigitsInside(token) || (buildFolders.test(path) && hasMixedCase(token));
}
function isHex(text) {
    return /^[0-9a-f]{8,64}$/.test(text) && /\d/.test(text) && /[a-f]/.test(text);
}
function hasDigitsInside(token) {
    if (!/\d/.test(token) || !/[A-Za-z]/.test(token))
        return false;
    // A word with a number, a number with a unit, a size, words joined by "-": names that people give.
    return !/^(?:[A-Za-z]?[a-z]+[-_]?\d+|\d+[-_]?[a-z]+|\d+x\d+|v?\d+(?:[-_]\w+)?|[a-z]+(?:[-_][a-z]*\d*)+|[A-Z]+\d+)$/.test(token);
}
function hasMixedCase(token) {
    const turns = [...token.matchAll(/[a-z](?=[A-Z])|[A-Z](?=[a-z])/g)].length;
    return turns >= 2 && !/^[a-z]{3,}[A-Z][a-z]+$/.test(token) && !/^(?:[A-Z][a-z]{2,}){2}$/.test(token);
}
/** After the user's rules; the README shows this list. */
const defaultRules = [
    // What names other files must never be older than they are.
    { matches: globMatcher(['*.{html,htm,xhtml}']), value: revalidate },
    {
        matches: globMatcher([
            '{sw,service-worker,serviceworker,ngsw-worker,firebase-messaging-sw,registerSW}.{js,mjs}',
            '{ngsw,manifest,asset-manifest,version,config,env}.json',
            '*.webmanifest',
        ]),
        value: revalidate,
    },
    { matches: isHashedName, value: immutable },
    { matches: globMatcher(['*.{js,mjs,css,json,map,wasm,xml,txt}']), value: revalidate },
    { matches: () => true, value: 'public, max-age=3600' },
];
/** The headers of every file, by its path alone. */
function headersFor({ cacheControl, contentTypes }) {
    const rules = [
        ...[...cacheControl].map(([glob, value]) => ({ matches: globMatcher([glob]), value })),
        ...defaultRules,
    ];
    return (path) => ({
        contentType: typeOf(path, contentTypes),
        cacheControl: rules.find(({ matches }) => matches(path))?.value ?? revalidate,
    });
}
function isImmutable(headers) {
    return headers !== undefined && /\bimmutable\b/i.test(headers.cacheControl);
}
/** A page: what a viewer opens, and what refers to everything else. */
function isPage(path, headers) {
    return headers === undefined
        ? /\.(?:html?|xhtml)$/i.test(path)
        : /^(?:text\/html|application\/xhtml\+xml)\b/i.test(headers.contentType);
}

;// CONCATENATED MODULE: ./actions/sync-frontend/src/scope.ts

/**
 * What a publish may touch, here and in the bucket alike: dotfiles never (but `.well-known/`), and what `include` and `exclude` leave.
 * Whatever is out of scope is neither published nor deleted.
 */
function publishScope(globs) {
    return scope(globs, isHidden);
}
/** What `mode: check` hashes: dotfiles too, as builds read them. */
function sourceScope(globs) {
    const tools = new Set(['node_modules', '.git']);
    return scope(globs, (path) => path.split('/').some((part) => tools.has(part)));
}
function isHidden(path) {
    return path.split('/').some((part, index) => part.startsWith('.') && !(index === 0 && part === '.well-known'));
}
function scope({ include, exclude }, never) {
    const included = include.length === 0 ? () => true : globMatcher(include);
    const excluded = globMatcher(exclude);
    const directory = (path) => !never(path) && !excluded(path);
    return { directory, file: (path) => directory(path) && included(path) };
}

;// CONCATENATED MODULE: ./actions/sync-frontend/src/plan.ts






/**
 * The order that keeps every page whole at every instant: contents that a later rollback needs are put aside, then come assets under
 * names of their own, then files that are overwritten in place, then pages, the root page last.
 */
const stages = ['keep', 'asset', 'file', 'page', 'index'];
/** What was there before the first publish of this kind counts as a release, so that open tabs and a rollback find it. */
const adoptedId = 'before-slipway';
/** More leftovers than this are worth a request of their own. */
const manyLeftovers = 50;
/** Beyond this many, one wildcard says the same. */
const manyPaths = 1000;
function planPublish(inputs, observed) {
    const headers = headersFor(inputs);
    const files = observed.local.map(({ path, size, sha256, etag, file }) => ({
        path,
        size,
        sha256,
        etag,
        headers: headers(path),
        source: { kind: 'local', file, sha256 },
    }));
    const { releaseId: id, sourceHash } = inputs;
    return planRelease({ kind: 'publish', files, id, sourceHash, origin: undefined, rolledBackBy: undefined }, inputs, observed);
}
function planRollback(inputs, observed) {
    const target = rollbackTarget(inputs, observed.state);
    const files = [...target.files.values()].map((file) => ({ ...file, source: { kind: 'kept' } }));
    refuseIncomplete(target, observed);
    const { id, origin, sourceHash } = target;
    const rolledBackBy = inputs.runId === '' ? undefined : inputs.runId;
    return planRelease({ kind: 'rollback', files, id, origin, sourceHash, rolledBackBy }, inputs, observed);
}
function rollbackTarget({ target, runId }, state) {
    const releases = state?.releases ?? [];
    const current = releases[0];
    if (current === undefined) {
        throw new errors/* PreconditionError */.Rb('NoRelease', 'nothing was published here yet, so there is nothing to go back to', {
            hint: 'Check "bucket" and "prefix".',
        });
    }
    // The same run started again finishes what it did; it does not go back once more.
    const again = runId !== '' && current.rolledBackBy === runId;
    const found = target !== 'previous'
        ? releases.find(({ id }) => id === target)
        : again
            ? current
            : releases.find(({ sequence }) => sequence < current.origin);
    if (found !== undefined)
        return found;
    const known = releases.map(({ id }, index) => (index === 0 ? `${id} (served now)` : id)).join(', ');
    throw new errors/* PreconditionError */.Rb('NoSuchRelease', `there is no release "${target}" to go back to; kept are: ${known}`, {
        hint: 'Give the id of a kept release, or publish the older commit again. "retain-releases" says how many are kept.',
    });
}
function refuseIncomplete(target, observed) {
    const lost = [...target.files.values()].filter((file) => {
        const difference = compare(file, observed);
        return (difference === 'new' || difference === 'content') && !observed.internal.has(bodyPath(file));
    });
    if (lost.length === 0)
        return;
    const names = lost.slice(0, 5).map(({ path }) => path);
    throw new errors/* PreconditionError */.Rb('ReleaseIncomplete', `${lost.length} of the ${target.files.size} files of release ${target.id} are no longer in the bucket: ${names.join(', ')}${lost.length > 5 ? ', …' : ''}`, { hint: 'Check out that commit, build it and publish it; nothing was touched.' });
}
function planRelease(candidate, inputs, observed) {
    const { state } = observed;
    const current = state?.releases[0];
    const isInScope = deletableScope(inputs, observed);
    refuseNested(candidate.files, observed);
    const content = contentHash(candidate.files);
    const sameContent = current?.content === content;
    const release = {
        id: sameContent ? current.id : candidate.id,
        sequence: (current?.sequence ?? 0) + 1,
        origin: (sameContent ? current.origin : candidate.origin) ?? (current?.sequence ?? 0) + 1,
        content,
        sourceHash: candidate.sourceHash ?? (sameContent ? current.sourceHash : undefined),
        rolledBackBy: sameContent ? current.rolledBackBy : candidate.rolledBackBy,
        files: new Map(),
    };
    const before = state?.releases ?? adopted(observed, isInScope);
    const older = before.filter((other) => other.content !== content).slice(0, inputs.retainReleases - 1);
    const differences = candidate.files.map((file) => ({ file, difference: compare(file, observed) }));
    const sent = differences.flatMap(({ file, difference }) => difference === 'none' ? [] : [stepFor(file, difference, observed)]);
    const wantedPaths = new Set(candidate.files.map(({ path }) => path));
    const deletions = inputs.delete ? planDeletions({ observed, older, wantedPaths, isInScope }) : [];
    refuseMassDeletion(deletions.length, [...observed.files.keys()].filter(isInScope).length, inputs.maxDeletePercent);
    const base = {
        kind: candidate.kind,
        releaseId: release.id,
        warnings: warnings(sent, observed),
        unchanged: differences.length - sent.length,
    };
    if (state !== undefined && current !== undefined && sameContent && sent.length === 0 && deletions.length === 0) {
        const sources = release.sourceHash !== current.sourceHash;
        return {
            ...base,
            publication: publicationOf(current),
            changedPaths: state.paths,
            mark: undefined,
            steps: [],
            state: sources
                ? { ...state, releases: [{ ...current, sourceHash: release.sourceHash }, ...state.releases.slice(1)] }
                : undefined,
            deletions: [],
            leftovers: [],
        };
    }
    const overwritten = [...sent.filter(({ kind }) => kind !== 'headers'), ...deletions].map(({ path }) => path);
    const steps = [...planKeeping(overwritten, older, observed), ...sent].sort(byStage);
    const carried = state === undefined || isInvalidated(state, observed.internal) ? [] : state.paths;
    const changedPaths = planPaths({ inputs, sent, deletions, carried, current });
    const releases = [withFiles(release, candidate.files, observed), ...older];
    const leftovers = planLeftovers(observed, releases);
    return {
        ...base,
        publication: publicationOf(release),
        changedPaths,
        mark: planMark(sent, state),
        steps,
        state: { releases, paths: changedPaths, uncertain: [] },
        deletions,
        leftovers: deletions.length > 0 || leftovers.length >= manyLeftovers ? leftovers : [],
    };
}
/** Headers leave no trace in the listing: a killed run that changed some must not leave the old ones believed. */
function planMark(sent, state) {
    if (state === undefined)
        return undefined;
    const known = new Set(state.uncertain);
    const added = sent
        .filter(({ kind, path }) => kind === 'headers' && !known.has(path))
        .filter(({ path }) => state.releases.some(({ files }) => files.has(path)))
        .map(({ path }) => path);
    return added.length === 0 ? undefined : { ...state, uncertain: [...state.uncertain, ...added] };
}
function byStage(a, b) {
    return stages.indexOf(a.stage) - stages.indexOf(b.stage);
}
function stepFor(file, difference, observed) {
    const { path, size, headers, source } = file;
    const current = observed.state?.releases[0];
    const stored = observed.files.get(path);
    const base = { path, size, stage: stageOf(path, headers) };
    if (difference === 'headers' && headers !== undefined && stored !== undefined) {
        const reason = knownAs(path, observed)?.headers === undefined ? 'headers not on record' : 'headers';
        // S3 copies up to 5 GB in one request; above that the body goes again.
        if (size <= 5_000_000_000 || source.kind === 'kept') {
            return { ...base, kind: 'headers', etag: stored.etag, headers, reason };
        }
    }
    const missing = difference === 'new' && current?.files.has(path) === true;
    const reason = missing ? 'missing from the bucket' : difference;
    if (source.kind === 'local' && headers !== undefined) {
        return { ...base, kind: 'put', file: source.file, sha256: source.sha256, headers, reason };
    }
    return { ...base, kind: 'restore', from: bodyPath({ sha256: file.sha256, etag: file.etag ?? '' }), headers, reason };
}
function stageOf(path, headers) {
    if (path === 'index.html')
        return 'index';
    if (isPage(path, headers))
        return 'page';
    return isImmutable(headers) ? 'asset' : 'file';
}
/** The sites that live in folders of this one, by their own release states: somebody else's. */
function nestedSites({ files }) {
    return [...files.keys()].flatMap((path) => /^(.+\/)\.releases\/state\.json$/.exec(path)?.[1] ?? []);
}
function deletableScope(inputs, observed) {
    const nested = nestedSites(observed);
    const scope = publishScope(inputs);
    return (path) => scope.file(path) && !nested.some((folder) => path.startsWith(folder));
}
function refuseNested(files, observed) {
    const folder = nestedSites(observed).find((nested) => files.some(({ path }) => path.startsWith(nested)));
    if (folder === undefined)
        return;
    throw new errors/* PreconditionError */.Rb('NestedSite', `the folder ${folder} holds a site of its own, with its own releases`, {
        hint: `Leave it out with "exclude: ${folder}**", or publish under another "prefix".`,
    });
}
function adopted({ files }, isInScope) {
    const there = [...files]
        .filter(([path]) => isInScope(path))
        .map(([path, stored]) => ({ path, ...stored, sha256: undefined, headers: undefined }));
    if (there.length === 0)
        return [];
    return [
        {
            id: adoptedId,
            sequence: 0,
            origin: 0,
            content: contentHash(there),
            sourceHash: undefined,
            rolledBackBy: undefined,
            files: new Map(there.map((file) => [file.path, file])),
        },
    ];
}
function withFiles(release, files, observed) {
    const record = ({ path, size, sha256, headers }) => [
        path,
        { path, size, sha256, headers, etag: observed.files.get(path)?.etag ?? '' },
    ];
    return { ...release, files: new Map(files.map(record)) };
}
/**
 * Pages that are gone from the release go at once. Other files stay as long as a retained release names them: open tabs and
 * cached pages still ask for them.
 */
function planDeletions(from) {
    const { observed, older, wantedPaths, isInScope } = from;
    const records = observed.state?.releases ?? [];
    return [...observed.files.keys()]
        .filter((path) => !wantedPaths.has(path) && isInScope(path))
        .flatMap((path) => {
        const record = records.find(({ files }) => files.has(path))?.files.get(path);
        const headers = record?.headers;
        const deletion = { path, isSeen: !isImmutable(headers), isPage: isPage(path, headers) };
        if (deletion.isPage)
            return [{ ...deletion, reason: 'page no longer in the site' }];
        if (older.some(({ files }) => files.has(path)))
            return [];
        return [{ ...deletion, reason: record === undefined ? 'in no release' : 'only in releases no longer kept' }];
    })
        .sort((a, b) => (a.path < b.path ? -1 : 1));
}
function refuseMassDeletion(deletions, present, maxDeletePercent) {
    if (deletions * 100 <= maxDeletePercent * present)
        return;
    const percent = Math.ceil((deletions / present) * 100);
    throw new errors/* PreconditionError */.Rb('TooManyDeletions', `this would delete ${deletions} of the ${present} files in the bucket (${percent} %), more than max-delete-percent: ${maxDeletePercent}`, {
        hint: `Is "source" the right directory? If so, set "max-delete-percent: ${percent}" for this run, or "delete: false" to keep them.`,
    });
}
/** Content that a retained release names and that is about to be overwritten or deleted goes aside, once. */
function planKeeping(paths, older, observed) {
    const planned = new Set();
    return paths.flatMap((path) => {
        const stored = observed.files.get(path);
        const record = older.flatMap(({ files }) => files.get(path) ?? []).find((file) => isSame(file, stored));
        if (record === undefined)
            return [];
        const to = bodyPath(record);
        if (observed.internal.has(to) || planned.has(to))
            return [];
        planned.add(to);
        const { size, etag } = record;
        return [{ kind: 'keep', stage: 'keep', path, to, size, etag, reason: 'for a rollback' }];
    });
}
function planPaths(from) {
    const { inputs, sent, deletions, carried, current } = from;
    const gone = deletions.filter((deletion) => deletion.isSeen);
    const seen = sent.filter((step) => isSeen(step, current));
    const paths = [...seen, ...gone].flatMap(({ path }) => viewerPaths(inputs.basePath, path));
    const all = [...new Set([...paths, ...carried])].sort();
    return all.length > manyPaths ? [`/${keyToUrlPath(inputs.basePath.slice(1))}*`] : all;
}
/** A hashed name that is new was never asked for; every other new path may have been answered by the app's fallback page. */
function isSeen(step, current) {
    if (step.kind === 'keep')
        return false;
    const isFresh = current !== undefined ? !current.files.has(step.path) : step.reason === 'new';
    return !(isImmutable(step.headers) && isFresh && step.reason !== 'content');
}
function planLeftovers({ internal }, releases) {
    const needed = new Set(releases.flatMap(({ files }) => [...files.values()].map(bodyPath)));
    return [...internal].filter((path) => path.startsWith(markersFolder) || (path.startsWith(bodiesFolder) && !needed.has(path)));
}
function warnings(sent, { state }) {
    const broken = sent.filter((step) => {
        const record = state?.releases[0]?.files.get(step.path);
        return step.kind === 'put' && step.reason === 'content' && isImmutable(record?.headers);
    });
    if (broken.length === 0)
        return [];
    const names = broken.slice(0, 3).map(({ path }) => path);
    return [
        `${names.join(', ')}${broken.length > 3 ? ` and ${broken.length - 3} more` : ''}: served as immutable, but changed under the same name; ` +
            'browsers that have it keep it for a year. Give such files another value in "cache-control".',
    ];
}

;// CONCATENATED MODULE: ./actions/sync-frontend/src/apply.ts





const stageNames = {
    keep: 'kept aside for a rollback',
    asset: 'assets',
    file: 'files',
    page: 'pages',
    index: 'root page',
};
/** So many lines of single files a stage prints; the summary has the rest. */
const shownPerStage = 10;
const reportEveryMs = 5_000;
async function apply(plan, options, ports) {
    const run = new Run(options, ports);
    const started = ports.clock.now();
    let failure;
    try {
        await run.all(plan);
    }
    catch (error) {
        if (!(error instanceof errors/* ActionError */.lZ))
            throw error;
        failure = error;
    }
    const { done, deleted, isPublished, wroteState } = run;
    return { done, deleted, isPublished, wroteState, failure, durationMs: ports.clock.now() - started };
}
class Run {
    done = [];
    deleted = [];
    isPublished = false;
    wroteState = false;
    #options;
    #ports;
    #etags = new Map();
    #stateEtag;
    constructor(options, ports) {
        this.#options = options;
        this.#ports = ports;
        this.#stateEtag = options.stateEtag;
    }
    async all(plan) {
        const { signal, progress } = this.#ports;
        if (plan.mark !== undefined)
            await this.#writeState(plan.mark);
        for (const stage of stages) {
            signal?.throwIfAborted();
            await this.#stage(stage, plan.steps.filter((step) => step.stage === stage));
        }
        signal?.throwIfAborted();
        if (plan.state !== undefined) {
            await this.#writeState(withEtags(plan.state, this.#etags));
            progress.info(`release ${plan.releaseId} is on record as publication ${plan.publication}`);
        }
        this.isPublished = true;
        signal?.throwIfAborted();
        await this.#remove(plan);
    }
    async #stage(stage, steps) {
        if (steps.length === 0)
            return;
        const { clock, progress, signal } = this.#ports;
        const started = clock.now();
        let reported = started;
        let finished = 0;
        let bytes = 0;
        await (0,pool/* forEachConcurrently */.D)(steps, { limit: this.#options.concurrency, signal }, async (step) => {
            const etag = await this.#send(step);
            if (step.kind !== 'keep')
                this.#etags.set(step.path, etag);
            this.done.push(step);
            finished += 1;
            if (step.kind === 'put')
                bytes += step.size;
            if (steps.length <= shownPerStage)
                progress.info(`  ${step.path} (${step.reason})`);
            else if (clock.now() - reported >= reportEveryMs) {
                reported = clock.now();
                progress.info(`  ${stageNames[stage]}: ${finished} of ${steps.length}, ${humanBytes(bytes)} sent`);
            }
        });
        const took = humanDuration(clock.now() - started);
        progress.info(`${stageNames[stage]}: ${finished} done, ${humanBytes(bytes)} sent in ${took}`);
    }
    async #send(step) {
        const { store } = this.#ports;
        const { prefix } = this.#options;
        const key = prefix + step.path;
        switch (step.kind) {
            case 'keep':
                return store.copy({ from: key, to: prefix + step.to, etag: step.etag });
            case 'put':
                return store.upload({ key, file: step.file, size: step.size, sha256: step.sha256, headers: step.headers });
            case 'restore':
                return store.copy({ from: prefix + step.from, to: key, headers: step.headers });
            case 'headers':
                return store.copy({ from: key, to: key, etag: step.etag, headers: step.headers });
        }
    }
    async #writeState(state) {
        this.#stateEtag = await this.#ports.store.write({
            key: this.#options.prefix + statePath,
            text: serializeState(state),
            contentType: 'application/json',
            expected: this.#stateEtag === undefined ? 'nothing' : { etag: this.#stateEtag },
        });
        this.wroteState = true;
    }
    async #remove({ deletions, leftovers }) {
        if (deletions.length + leftovers.length === 0)
            return;
        const pages = deletions.filter(({ isPage }) => isPage).map(({ path }) => path);
        const others = deletions.filter(({ isPage }) => !isPage).map(({ path }) => path);
        try {
            await this.#removeAll(pages, []);
            await this.#removeAll(others, leftovers);
        }
        finally {
            this.#ports.progress.info(`deleted: ${this.deleted.length} of ${deletions.length}`);
        }
    }
    async #removeAll(paths, leftovers) {
        if (paths.length + leftovers.length === 0)
            return;
        const { prefix } = this.#options;
        const failures = await this.#ports.store.remove([...paths, ...leftovers].map((path) => prefix + path));
        const failed = new Set(failures.map(({ key }) => key));
        this.deleted.push(...paths.filter((path) => !failed.has(prefix + path)));
        const [first] = failures;
        if (first === undefined)
            return;
        throw new errors/* ActionError */.lZ('DeletionFailed', `the release is published, but ${failures.length} objects could not be deleted; first: ${first.key}: ${first.reason}`, { fault: 'cloud', hint: 'Allow s3:DeleteObject on the objects, then run this again: it deletes the rest.' });
    }
}
/** The state with the ETags that S3 gave what this run sent. */
function withEtags(state, etags) {
    const [newest, ...older] = state.releases;
    if (newest === undefined || etags.size === 0)
        return state;
    const update = (file) => ({ ...file, etag: etags.get(file.path) ?? file.etag });
    const files = new Map([...newest.files].map(([path, file]) => [path, update(file)]));
    return { ...state, releases: [{ ...newest, files }, ...older] };
}

;// CONCATENATED MODULE: ./actions/sync-frontend/src/plan-source.ts

const shown = 10;
/** The files to publish; throws when publishing them would wipe or break the site. Nothing has been asked of AWS yet. */
function refuseSource(scan, { source, prefix, requireHtml }) {
    if (scan.kind === 'missing') {
        throw new errors/* PreconditionError */.Rb('SourceMissing', `the source directory ${source} does not exist`, {
            hint: 'Did the build run, in this job? Point "source" at the directory it writes.',
        });
    }
    if (scan.kind === 'no-directory') {
        throw new errors/* PreconditionError */.Rb('SourceMissing', `the source ${source} is not a directory`, {
            hint: 'Point "source" at the directory that the build writes.',
        });
    }
    const { files } = scan;
    if (scan.problems.length > 0) {
        throw new errors/* PreconditionError */.Rb('SourceUnreadable', `the source holds what cannot be published:\n${list(scan.problems)}`, {
            hint: 'Put real files in their place, or name them in "exclude".',
        });
    }
    if (files.length === 0 && scan.links.length === 0) {
        throw new errors/* PreconditionError */.Rb('SourceEmpty', `the source directory ${source} holds no file to publish`, {
            hint: 'Publishing it would take the whole site down. Check the build, and "include" and "exclude" (dotfiles are never published, except in .well-known/).',
        });
    }
    if (requireHtml && !files.some(({ path }) => /\.x?html?$/i.test(path))) {
        throw new errors/* PreconditionError */.Rb('NoHtml', `none of the ${files.length} files in ${source} is an HTML page`, {
            hint: 'Is "source" the directory of the built site? To publish files without a page on purpose, set "require-html: false".',
        });
    }
    refuseKeys(files, prefix);
    return files;
}
function refuseKeys(files, prefix) {
    const problems = [];
    const taken = new Map();
    for (const { path } of files) {
        const key = prefix + path;
        if (new TextEncoder().encode(key).length > 1024)
            problems.push(`${path.slice(0, 80)}…: the key is longer than S3’s 1,024 bytes`);
        if (/\p{Cc}/u.test(path))
            problems.push(`${JSON.stringify(path)}: control characters in the name`);
        // "é" can be written as one character or as two; viewers cannot tell such names apart.
        const same = path.normalize('NFC');
        const other = taken.get(same);
        if (other === undefined)
            taken.set(same, path);
        else
            problems.push(`${JSON.stringify(other)} and ${JSON.stringify(path)}: two files for one key`);
    }
    if (problems.length === 0)
        return;
    throw new errors/* PreconditionError */.Rb('BadKeys', `some files cannot become objects:\n${list(problems)}`, {
        hint: 'Rename them, or name them in "exclude".',
    });
}
function list(lines) {
    const rest = lines.length - shown;
    return [...lines.slice(0, shown), ...(rest > 0 ? [`… and ${rest} more`] : [])].map((line) => `- ${line}`).join('\n');
}

;// CONCATENATED MODULE: ./actions/sync-frontend/src/observe.ts





/** Hashing is bound by CPU and disk; more at once only costs memory. */
const hashing = { limit: 8 };
async function observePublish(inputs, ports) {
    const scan = await ports.tree.scan(inputs.source, { scope: publishScope(inputs), links: 'follow' });
    const files = refuseSource(scan, inputs);
    const [hashes, bucket] = await Promise.all([hashAll(files, ports.tree), observeBucket(inputs, ports)]);
    const local = [];
    await (0,pool/* forEachConcurrently */.D)(files, hashing, async (file) => {
        const etag = needsEtag(file, bucket) ? await ports.tree.etag(file.file, file.size) : undefined;
        local.push({ ...file, sha256: hashes.get(file.path) ?? '', etag });
    });
    return { ...bucket, local: local.sort(byPath) };
}
async function observeCheck(inputs, ports) {
    const scan = await ports.tree.scan(inputs.source, { scope: sourceScope(inputs), links: 'name' });
    const files = refuseSource(scan, { ...inputs, requireHtml: false });
    const [hashes, bucket] = await Promise.all([hashAll(files, ports.tree), observeBucket(inputs, ports)]);
    const sources = files.map((file) => ({ ...file, sha256: hashes.get(file.path) ?? '' }));
    return { ...bucket, sources, links: scan.kind === 'found' ? scan.links : [] };
}
async function observeBucket({ prefix }, { store }) {
    const [objects, stored] = await Promise.all([store.list(prefix), store.read(prefix + statePath)]);
    const files = new Map();
    const internal = new Set();
    for (const { key, size, etag } of objects) {
        const path = key.slice(prefix.length);
        if (isReleasePath(path))
            internal.add(path);
        else
            files.set(path, { size, etag });
    }
    const state = stored === undefined ? undefined : parseState(stored.text);
    return { files, internal, state, stateEtag: stored?.etag };
}
async function hashAll(files, tree) {
    const hashes = new Map();
    await (0,pool/* forEachConcurrently */.D)(files, hashing, async ({ path, file, size }) => {
        hashes.set(path, await tree.sha256(file, size));
    });
    return hashes;
}
function byPath(a, b) {
    return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

;// CONCATENATED MODULE: ./actions/sync-frontend/src/plan-check.ts




/** Part of the hash: a change of what is hashed must not look like a change of nothing. */
const hashVersion = 'v1';
/** Is the release that the bucket serves made from these very sources, whole, and known to the CDN? */
function planCheck(inputs, observed) {
    const sourceHash = hashSources(inputs, observed);
    const { state, files, internal } = observed;
    const current = state?.releases[0];
    const sources = observed.sources.length;
    if (state === undefined || current === undefined) {
        return { sourceHash, sources, isPublished: false, reason: 'nothing was published here yet', served: undefined };
    }
    const served = { releaseId: current.id, publication: publicationOf(current), changedPaths: state.paths };
    const verdict = (isPublished, reason) => ({
        sourceHash,
        sources,
        isPublished,
        reason,
        served,
    });
    if (current.sourceHash !== sourceHash)
        return verdict(false, 'the release served now was made from other sources');
    if (state.uncertain.length > 0)
        return verdict(false, 'an earlier run was cut off while it changed headers');
    const damaged = [...current.files.values()].filter((file) => !isSame(file, files.get(file.path)));
    const [first] = damaged;
    if (first !== undefined) {
        return verdict(false, `${damaged.length} files are missing or changed in the bucket, e.g. ${first.path}`);
    }
    if (!isInvalidated(state, internal))
        return verdict(false, 'its invalidation was never confirmed');
    return verdict(true, 'the release served now was made from these sources');
}
function hashSources({ sourceKey, cacheControl, contentTypes }, observed) {
    const files = observed.sources.map(({ path, executable, sha256 }) => [path, executable ? 'x' : 'f', sha256]);
    const links = observed.links.map(({ path, target }) => [path, 'l', target]);
    const digest = fingerprint({
        rulesVersion: rulesVersion,
        sourceKey,
        cacheControl: [...cacheControl],
        contentTypes: [...contentTypes],
        files: [...files, ...links].sort(([a = ''], [b = '']) => (a < b ? -1 : a > b ? 1 : 0)),
    });
    return `${hashVersion}:${digest}`;
}

// EXTERNAL MODULE: ./shared/core/markdown.ts
var markdown = __webpack_require__(9579);
;// CONCATENATED MODULE: ./actions/sync-frontend/src/report.ts


const shownRows = 50;
const verbs = {
    keep: 'kept',
    put: 'sent',
    restore: 'restored',
    headers: 'headers set',
};
/** `result` undefined: a dry run, whose outputs count nothing as done. */
function reportPublish(plan, inputs, result) {
    const steps = (result?.done ?? plan.steps).filter(({ kind }) => kind !== 'keep');
    const bodies = steps.filter(({ kind }) => kind !== 'headers');
    const deleted = result?.deleted ?? plan.deletions.map(({ path }) => path);
    const bytes = steps.reduce((sum, step) => sum + (step.kind === 'put' ? step.size : 0), 0);
    const isPublished = result?.isPublished === true;
    const done = (count) => String(result === undefined ? 0 : count);
    return {
        outputs: {
            changed: String(result !== undefined && (result.done.length > 0 || result.deleted.length > 0 || result.wroteState)),
            uploaded: done(bodies.length),
            'headers-changed': done(steps.length - bodies.length),
            deleted: done(deleted.length),
            unchanged: String(plan.unchanged),
            bytes: done(bytes),
            // Only what viewers can get is worth an invalidation; a dry run shows what would be.
            'changed-paths': JSON.stringify(isPublished || result === undefined ? plan.changedPaths : []),
            'release-id': isPublished || result === undefined ? plan.releaseId : '',
            publication: isPublished ? plan.publication : '',
            'source-hash': inputs.mode === 'publish' ? (inputs.sourceHash ?? '') : '',
            published: String(isPublished && result.failure === undefined),
        },
        summary: [
            `### ${headline(plan, result)}`,
            (0,markdown/* table */.tp)(['Release', 'Sent', 'Headers only', 'Deleted', 'Unchanged', 'Bytes sent', 'Paths to invalidate', 'Time'], [
                [
                    (0,markdown/* code */.aY)(plan.releaseId),
                    String(bodies.length),
                    String(steps.length - bodies.length),
                    String(deleted.length),
                    String(plan.unchanged),
                    humanBytes(bytes),
                    String(plan.changedPaths.length),
                    result === undefined ? '–' : humanDuration(result.durationMs),
                ],
            ]),
            `Bucket ${(0,markdown/* code */.aY)(`s3://${inputs.bucket}/${inputs.prefix}`)}${isPublished ? `, publication ${(0,markdown/* code */.aY)(plan.publication)}` : ''}`,
            ...explanation(result),
            ...plan.warnings.map((warning) => `⚠️ ${(0,markdown/* escapeMarkdown */.FV)(warning)}`),
            ...changes(steps, plan, deleted),
        ].join('\n\n'),
        failure: result?.failure,
    };
}
function headline(plan, result) {
    const isEmpty = plan.steps.length === 0 && plan.deletions.length === 0;
    const id = (0,markdown/* code */.aY)(plan.releaseId);
    if (result === undefined) {
        return `🔍 Dry run: ${isEmpty ? 'nothing would change' : `release ${id} would be served`}`;
    }
    if (result.failure !== undefined)
        return failedHeadline(plan, result);
    if (isEmpty)
        return `✅ Unchanged: release ${id} is what is served`;
    return `✅ ${plan.kind === 'rollback' ? 'Rolled back' : 'Published'}: release ${id} is served`;
}
function failedHeadline(plan, result) {
    if (result.isPublished)
        return `❌ Release ${(0,markdown/* code */.aY)(plan.releaseId)} is served, but not everything could be tidied up`;
    const somePages = result.done.some(({ stage }) => stage === 'page' || stage === 'index');
    return somePages
        ? '❌ Not finished: some pages are new, some as they were'
        : '❌ Not published: every page is as it was';
}
function explanation(result) {
    if (result?.failure === undefined)
        return [];
    const { code: name, message, hint } = result.failure;
    const advice = hint === undefined ? 'Run it again: it finishes what is left.' : hint;
    return [`**${(0,markdown/* escapeMarkdown */.FV)(name)}:** ${(0,markdown/* escapeMarkdown */.FV)(message)}`, `**What to do:** ${(0,markdown/* escapeMarkdown */.FV)(advice)}`];
}
function changes(steps, plan, deleted) {
    const reasons = new Map(plan.deletions.map(({ path, reason }) => [path, reason]));
    const rows = [
        ...[...steps]
            .sort((a, b) => b.size - a.size)
            .map((step) => [(0,markdown/* code */.aY)(step.path), verbs[step.kind], step.reason, humanBytes(step.size)]),
        ...deleted.map((path) => [(0,markdown/* code */.aY)(path), 'deleted', reasons.get(path) ?? '', '']),
    ];
    if (rows.length === 0)
        return [];
    const shown = (0,markdown/* table */.tp)(['File', 'What', 'Why', 'Size'], rows.slice(0, shownRows));
    const rest = rows.length > shownRows ? `\n\n… and ${rows.length - shownRows} more` : '';
    return [(0,markdown/* details */.zH)(`What changed (${rows.length})`, shown + rest)];
}
function reportCheck(verdict, inputs) {
    const { isPublished, reason, served, sourceHash } = verdict;
    return {
        outputs: {
            changed: 'false',
            uploaded: '0',
            'headers-changed': '0',
            deleted: '0',
            unchanged: '0',
            bytes: '0',
            'changed-paths': JSON.stringify(served?.changedPaths ?? []),
            'release-id': served?.releaseId ?? '',
            publication: served?.publication ?? '',
            'source-hash': sourceHash,
            published: String(isPublished),
        },
        summary: [
            `### ${isPublished ? '✅ Already published' : '🔨 Has to be built and published'}: ${(0,markdown/* escapeMarkdown */.FV)(reason)}`,
            (0,markdown/* table */.tp)(['Source hash', 'Source files', 'Release served', 'Bucket'], [
                [
                    (0,markdown/* code */.aY)(sourceHash.slice(0, 15)),
                    String(verdict.sources),
                    served === undefined ? 'none' : (0,markdown/* code */.aY)(served.releaseId),
                    (0,markdown/* code */.aY)(`s3://${inputs.bucket}/${inputs.prefix}`),
                ],
            ]),
        ].join('\n\n'),
    };
}

;// CONCATENATED MODULE: ./actions/sync-frontend/src/sync.ts





/** The three things the action does, each: observe, plan, apply, report. */
async function syncFrontend(inputs, ports) {
    switch (inputs.mode) {
        case 'check':
            return check(inputs, ports);
        case 'rollback': {
            const observed = await observeBucket(inputs, ports);
            return carryOut(planRollback(inputs, observed), { inputs, observed, ports });
        }
        case 'publish': {
            const observed = await observePublish(inputs, ports);
            return carryOut(planPublish(inputs, observed), { inputs, observed, ports });
        }
    }
}
async function carryOut(plan, { inputs, observed, ports }) {
    const { progress } = ports;
    for (const warning of plan.warnings)
        progress.warn(warning);
    const sending = plan.steps.filter(({ kind }) => kind !== 'keep').length;
    progress.info(`${sending} to send, ${plan.unchanged} unchanged, ${plan.deletions.length} to delete`);
    const { prefix, concurrency, dryRun } = inputs;
    const { stateEtag } = observed;
    const result = dryRun ? undefined : await apply(plan, { prefix, concurrency, stateEtag }, ports);
    return reportPublish(plan, inputs, result);
}
async function check(inputs, ports) {
    const observed = await observeCheck(inputs, ports);
    const verdict = planCheck(inputs, observed);
    ports.progress.info(`${verdict.isPublished ? 'published already' : 'not published'}: ${verdict.reason}`);
    return reportCheck(verdict, inputs);
}


/***/ }),

/***/ 7676:
/***/ ((__unused_webpack_module, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   D: () => (/* binding */ forEachConcurrently)
/* harmony export */ });
/**
 * Runs `work` on every item, at most `limit` at a time. After the first failure (or an abort) nothing new is started, what
 * runs is awaited, and then the first failure is thrown: nobody is left writing behind the caller's back.
 */
async function forEachConcurrently(items, { limit, signal }, work) {
    const failures = [];
    let next = 0;
    const worker = async () => {
        while (next < items.length && failures.length === 0) {
            const item = items[next];
            next += 1;
            try {
                signal?.throwIfAborted();
                if (item !== undefined)
                    await work(item);
            }
            catch (error) {
                failures.push(error);
            }
        }
    };
    await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
    if (failures.length > 0)
        throw failures[0];
}


/***/ })

};
