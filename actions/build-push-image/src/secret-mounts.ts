import { posix } from 'node:path';
import { keyValue, mountOptions } from './dockerfile-flags.ts';
import { readDockerfile, readFrom, type Instruction } from './dockerfile-text.ts';
import { sources } from './dockerfile.ts';

export interface SecretMount {
  readonly id: string;
  /** Where the RUN begins, counted from 1. */
  readonly line: number;
}

interface Stage {
  /** In lower case. */
  readonly name: string;
  readonly from: string[];
  readonly mounts: SecretMount[];
}

/**
 * The secrets that are mounted on the way to the target, each once. Left out is what says of itself whether it must be there (`required`):
 * BuildKit fails by itself, or is not to. So is what a variable names.
 */
export function mountedSecrets(dockerfile: string, target: string | undefined): readonly SecretMount[] {
  const stages: Stage[] = [];
  for (const instruction of readDockerfile(dockerfile).instructions) {
    if (instruction.name === 'FROM') {
      const { base, stage } = readFrom(instruction);
      stages.push({ name: stage.toLowerCase(), from: [base], mounts: [] });
    }
    const stage = stages.at(-1);
    if (stage === undefined || instruction.isPutOff) continue;
    stage.from.push(...sources(instruction).from);
    stage.mounts.push(...mounts(instruction));
  }
  const found = new Map<string, SecretMount>();
  for (const mount of needed(stages, target).flatMap((stage) => stage.mounts)) {
    if (!found.has(mount.id)) found.set(mount.id, mount);
  }
  return [...found.values()];
}

/** The stages that are built, in their order. */
function needed(stages: readonly Stage[], target: string | undefined): readonly Stage[] {
  const indexOf = (reference: string, before: number): number => {
    if (/^\d+$/.test(reference)) return Number(reference) < before ? Number(reference) : -1;
    return stages.slice(0, before).findLastIndex(({ name }) => name !== '' && name === reference.toLowerCase());
  };
  const wanted = target === undefined ? stages.length - 1 : indexOf(target, stages.length);
  const reached = new Set<number>();
  const visit = (index: number): void => {
    if (index < 0 || reached.has(index)) return;
    reached.add(index);
    for (const reference of stages[index]?.from ?? []) visit(indexOf(reference, index));
  };
  visit(wanted);
  return stages.filter((_, index) => reached.has(index));
}

/** `source` comes before `id`, and without either the name of the target is the id: https://docs.docker.com/reference/dockerfile/#run---mounttypesecret */
function mounts({ name, flags, startLine }: Instruction): readonly SecretMount[] {
  return (name === 'RUN' ? flags : []).flatMap((flag) => {
    const [key, value = ''] = keyValue(flag.slice(2));
    const fields = new Map(key === 'mount' ? mountOptions(value) : []);
    if (fields.get('type') !== 'secret' || fields.has('required')) return [];
    const first = (...options: readonly string[]): string | undefined =>
      options.map((option) => fields.get(option)).find((given) => given !== undefined);
    const id = first('source', 'src', 'id') ?? posix.basename(first('target', 'dst', 'destination') ?? '');
    return id === '' || id.includes('$') ? [] : [{ id, line: startLine }];
  });
}
