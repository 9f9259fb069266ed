import type { TagMutability } from '../../../shared/aws/ecr.ts';

/** Does this tag name the same image for good? ECR's filters know one wildcard, `*`. */
export function isFixed({ mutable, exclusions }: TagMutability, tag: string): boolean {
  const excluded = exclusions.some((filter) => matchesWildcard(filter, tag));
  return mutable ? excluded : !excluded;
}

/** As ECR matches tags, in exclusions and in lifecycle rules. */
export function matchesWildcard(filter: string, tag: string): boolean {
  const pattern = filter
    .split('*')
    .map((part) => part.replace(/[.\\+?^$()[\]{}|]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`).test(tag);
}
