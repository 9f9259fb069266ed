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
