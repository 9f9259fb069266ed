import { PreconditionError } from '../../../shared/core/errors.ts';
import type { FoundFile, Scan } from './source-tree.ts';

export interface SourceRules {
  readonly source: string;
  readonly prefix: string;
  readonly requireHtml: boolean;
}

const shown = 10;

/** The files to publish; throws when publishing them would wipe or break the site. Nothing has been asked of AWS yet. */
export function refuseSource(scan: Scan, { source, prefix, requireHtml }: SourceRules): readonly FoundFile[] {
  if (scan.kind === 'missing') {
    throw new PreconditionError('SourceMissing', `the source directory ${source} does not exist`, {
      hint: 'Did the build run, in this job? Point "source" at the directory it writes.',
    });
  }
  if (scan.kind === 'no-directory') {
    throw new PreconditionError('SourceMissing', `the source ${source} is not a directory`, {
      hint: 'Point "source" at the directory that the build writes.',
    });
  }
  const { files } = scan;
  if (scan.problems.length > 0) {
    throw new PreconditionError(
      'SourceUnreadable',
      `the source holds what cannot be published:\n${list(scan.problems)}`,
      {
        hint: 'Put real files in their place, or name them in "exclude".',
      },
    );
  }
  if (files.length === 0 && scan.links.length === 0) {
    throw new PreconditionError('SourceEmpty', `the source directory ${source} holds no file to publish`, {
      hint: 'Publishing it would take the whole site down. Check the build, and "include" and "exclude" (dotfiles are never published, except in .well-known/).',
    });
  }
  if (requireHtml && !files.some(({ path }) => /\.x?html?$/i.test(path))) {
    throw new PreconditionError('NoHtml', `none of the ${files.length} files in ${source} is an HTML page`, {
      hint: 'Is "source" the directory of the built site? To publish files without a page on purpose, set "require-html: false".',
    });
  }
  refuseKeys(files, prefix);
  return files;
}

function refuseKeys(files: readonly FoundFile[], prefix: string): void {
  const problems: string[] = [];
  const taken = new Map<string, string>();
  for (const { path } of files) {
    const key = prefix + path;
    if (new TextEncoder().encode(key).length > 1024)
      problems.push(`${path.slice(0, 80)}…: the key is longer than S3’s 1,024 bytes`);
    if (/\p{Cc}/u.test(path)) problems.push(`${JSON.stringify(path)}: control characters in the name`);
    // "é" can be written as one character or as two; viewers cannot tell such names apart.
    const same = path.normalize('NFC');
    const other = taken.get(same);
    if (other === undefined) taken.set(same, path);
    else problems.push(`${JSON.stringify(other)} and ${JSON.stringify(path)}: two files for one key`);
  }
  if (problems.length === 0) return;
  throw new PreconditionError('BadKeys', `some files cannot become objects:\n${list(problems)}`, {
    hint: 'Rename them, or name them in "exclude".',
  });
}

function list(lines: readonly string[]): string {
  const rest = lines.length - shown;
  return [...lines.slice(0, shown), ...(rest > 0 ? [`… and ${rest} more`] : [])].map((line) => `- ${line}`).join('\n');
}
