import type { TagMutability } from '../../../shared/aws/ecr.ts';

/** Does this tag name the same image for good? ECR's filters know one wildcard, `*`. */
export function isFixed({ mutable, exclusions }: TagMutability, tag: string): boolean {
  const excluded = exclusions.some((filter) => matchesWildcard(filter, tag));
  return mutable ? excluded : !excluded;
}

/** What a tag names that names an image in ECR's archive. */
export const archivedImage = 'an image in ECR’s archive';

/** What to do about an immutable tag that names other content: `named` is what. */
export function takenHint(named: readonly string[]): string {
  const hint =
    'Use another tag, one that the repository’s immutability excludes, or remove the old image’s tag by hand.';
  return named.includes(archivedImage)
    ? `${hint} An archived image can be restored: "aws ecr update-image-storage-class --target-storage-class STANDARD".`
    : hint;
}

/** As ECR matches tags, in exclusions and in lifecycle rules. */
export function matchesWildcard(filter: string, tag: string): boolean {
  const pattern = filter
    .split('*')
    .map((part) => part.replace(/[.\\+?^$()[\]{}|]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`).test(tag);
}
