/** Folders in which a framework puts nothing but files whose names stand for their content. */
const hashedFolders = /(?:^|\/)(?:_next\/static|_app\/immutable|_astro|static\/[0-9a-f]{32})\//;
/** Folders that bundlers write to, but people too. */
const buildFolders = /(?:^|\/)(?:assets|static|chunks|js|css|media|_nuxt)\//;
/** What a bundler writes for sure; an image or a document in the same folder may be somebody's own. */
const code = /\.(?:m?js|css|wasm)(?:\.map|\.LICENSE\.txt)?$/;
const data = /\.(?:json|xml|txt|html?|pdf|zip)$/;
/** Names a record, whose content changes. */
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;

/**
 * Does the name hold a hash of the content, as bundlers write it? A miss costs a revalidation, a false hit a year of stale content, so in
 * doubt it is none: `icon-homepage.png`, `shot-1920x1080.png`, `menu-cafe2024.pdf` and `report-20250131.pdf` are not.
 */
export function isHashedName(path: string): boolean {
  if (hashedFolders.test(path)) return true;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const stems = name.split('.');
  stems.pop();
  if (stems.length === 0) return false;
  const place: Place = {
    isBuilt: buildFolders.test(path),
    isNuxt: /(?:^|\/)_nuxt\//.test(path),
    isCode: code.test(name),
    isData: data.test(name),
  };
  if (uuid.test(name) || (place.isData && !place.isBuilt)) return false;
  return stems.some((stem, index) => hasHexPart(stem, index, place) || hasToken(stem, index, place)) || isNuxt2(path);
}

interface Place {
  readonly isBuilt: boolean;
  readonly isNuxt: boolean;
  readonly isCode: boolean;
  readonly isData: boolean;
}

/** Nuxt 2 writes seven digits and nothing else. */
function isNuxt2(path: string): boolean {
  return /(?:^|\/)_nuxt\/(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7}\.m?js$/.test(path);
}

/** webpack, Parcel, Vue CLI, CRA, Gatsby: hexadecimal, eight digits or more, between dots or dashes. */
function hasHexPart(stem: string, position: number, { isBuilt, isCode, isData }: Place): boolean {
  if (stem.length < 8) return false;
  return stem.split(/[-_]/).some((part, index, parts) => {
    if (!/^[0-9a-f]{8,64}$/.test(part)) return false;
    if (/^(?:19|20)\d{6}[a-f]{0,2}$/.test(part)) return false;
    // One in fifty hashes of eight digits has no letter. A number may be anything; in a bundler's folder it is the hash of its code.
    if (!/[a-f]/.test(part)) return isBuilt && !isData && part.length === 8 && index === parts.length - 1;
    if (!/\d/.test(part)) return false;
    // An id of MongoDB's.
    if (part.length === 24 && !isBuilt && !isCode) return false;
    // `cafe2024`, `2024cafe`; after a name it is the hash of a bundler's code.
    const isSure = isBuilt && isCode && (position > 0 || parts.length > 1);
    return part.length >= 12 || isSure || !/^(?:[a-f]+\d+|\d+[a-f]+)$/.test(part);
  });
}

/** Vite, Rollup and esbuild: `index-DiwrgTda.js`, `entry.client-DiwrgTda.js`, `entry.DiwrgTda.css`: eight characters, "-" and "_" too. */
function hasToken(stem: string, index: number, { isBuilt, isNuxt, isCode, isData }: Place): boolean {
  if (stem.length < 8 || (stem.length > 8 && stem.at(-9) !== '-')) return false;
  // The name itself is no hash but in Nuxt's folder.
  if (stem.length === 8 && index === 0 && !isNuxt) return false;
  const token = stem.slice(-8);
  if (!/^[\w-]{8}$/.test(token)) return false;
  if (/^[A-Z2-7]{8}$/.test(token)) {
    // esbuild and Angular: base 32. Words of eight capitals and `FORM2024` are what people write.
    if (/^[A-Z]{8}$/.test(token))
      return isCode && (isBuilt || /^(?:main|polyfills|styles|scripts|chunk|worker)-/.test(stem));
    return isCode ? !/^[A-Z]+\d+$/.test(token) : isBuilt && !isData && !/^(?:[A-Z]+\d+|\d+[A-Z]+)$/.test(token);
  }
  const hasCases = /[a-z]/.test(token) && /[A-Z]/.test(token);
  const isSure = isBuilt && isCode;
  if (/\d/.test(token)) {
    return (!isData || hasCases) && !readsAsWords(token, isSure);
  }
  if (isSure) return hasCases && !readsAsWords(token, isSure);
  return isBuilt && !isData && !areWords(token) && (hasMixedCase(token) || (hasCases && /[-_]/.test(token)));
}

/**
 * One number at most, and words, but perhaps a letter at the beginning: `gpt4mini`, `iPadPro2`, `Web3Home`. What only a bundler would write
 * there is looked at more closely: a word can be spoken, and is no shorter than three letters beside capitals.
 */
function readsAsWords(token: string, isSure: boolean): boolean {
  if (/^(?:[A-Za-z]?[a-z]+[-_]?\d*|\d+x\d+|v?\d+(?:[-_][a-z]+)?)$/.test(token)) return true;
  const runs = token.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[-_]/g) ?? [];
  const numbers = runs.filter((run) => /\d/.test(run)).length;
  const words = runs.filter((run) => /[A-Za-z]/.test(run));
  const shortest = isSure && /[A-Z]/.test(token) ? 3 : 2;
  const isWord = (word: string): boolean =>
    !isSure || word.length <= 3 || (/[aeiouy]/i.test(word) && !/[^aeiouy]{4}/i.test(word));
  return (
    numbers <= 1 &&
    words.every((word, index) => (word.length >= shortest && isWord(word)) || (index === 0 && /^[a-z]$/.test(word)))
  );
}

function hasMixedCase(token: string): boolean {
  const turns = [...token.matchAll(/[a-z](?=[A-Z])|[A-Z](?=[a-z])/g)].length;
  return turns >= 2 && !/^[a-z]{3,}[A-Z][a-z]+$/.test(token) && !/^(?:[A-Z][a-z]{2,}){2}$/.test(token);
}

/** `My-Photo`, `Our_Team`: parts that people write. */
function areWords(token: string): boolean {
  const parts = token.split(/[-_]/);
  return parts.length > 1 && parts.every((part) => /^(?:[A-Z]?[a-z]+|[A-Z]{2,})$/.test(part));
}
