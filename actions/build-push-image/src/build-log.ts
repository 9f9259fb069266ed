/** What a failed build said, boiled down. */
export interface BuildFailure {
  /** The step of the Dockerfile that failed, undefined where the log does not tell. */
  readonly step: string | undefined;
  readonly lastLines: readonly string[];
}

const kept = 20;

/** Reads the log of `docker buildx build --progress=plain` or of the classic builder. */
export function buildFailure(lines: readonly string[]): BuildFailure {
  const said = lines.map((line) => line.trimEnd()).filter((line) => line !== '');
  return { step: buildKitStep(said) ?? classicStep(said), lastLines: said.slice(-kept) };
}

/** BuildKit repeats the failing step under a ruler: ` > [stage 3/5] RUN …:`, and the place as `Dockerfile:7`. */
function buildKitStep(lines: readonly string[]): string | undefined {
  const step = lines.findLast((line) => /^ > \[.+\]/.test(line));
  const place = lines.findLast((line) => /^\S*Dockerfile\S*:\d+$/.test(line));
  if (step === undefined) return place;
  const text = step.slice(3).replace(/:$/, '');
  return place === undefined ? text : `${text} (${place})`;
}

/** The classic builder announces every step before it runs it: `Step 3/5 : RUN …`. */
function classicStep(lines: readonly string[]): string | undefined {
  const last = lines.findLast((line) => /^Step \d+\/\d+ : /.test(line));
  return last?.replace(/^Step (\d+\/\d+) : /, '[$1] ');
}

/** The digest that `docker push` reports: `<tag>: digest: sha256:… size: 1234`. */
export function pushedDigest(lines: readonly string[]): string | undefined {
  for (const line of lines.toReversed()) {
    const match = /: digest: (sha256:[0-9a-f]{64}) size: \d+\s*$/.exec(line);
    if (match !== null) return match[1];
  }
  return undefined;
}

/** A push that lost a race for an immutable tag, in the words of ECR and of other registries. */
export function isTagTaken(lines: readonly string[]): boolean {
  return lines.some((line) => /tag.*immutable|immutable.*tag|ImageTagAlreadyExists/i.test(line));
}

/** `containerimage.digest` of buildx's metadata file. */
export function metadataDigest(text: string): string | undefined {
  const match = /"containerimage\.digest"\s*:\s*"(sha256:[0-9a-f]{64})"/.exec(text);
  return match?.[1];
}
