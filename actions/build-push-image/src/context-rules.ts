import { basename, dirname, join } from 'node:path';
import type { Builder } from './builder.ts';
import type { ContextFiles } from './context-files.ts';
import { classicRules, ignoreRules, type IgnoreRules } from './dockerignore.ts';
import type { Inputs } from './inputs.ts';

type Question = Pick<Inputs, 'context' | 'file'>;

/** What the builder is not sent of the context. */
export async function contextRules(
  { context, file }: Question,
  builder: Builder,
  files: ContextFiles,
): Promise<IgnoreRules> {
  const name = join(context, '.dockerignore');
  if (builder.kind === 'docker') {
    const content = await files.read(name);
    const dockerfile = await files.pathInside(context, file);
    return classicRules(content && { name, content }, dockerfile);
  }
  // One of the Dockerfile's own, though empty, is in the place of the context's.
  const own = `${file}.dockerignore`;
  const content = await files.readInside(dirname(own), basename(own));
  return content === undefined ? directoryRules(context, files) : ignoreRules({ name: own, content });
}

/** What BuildKit is not sent of a directory, by its own ignore file. */
export async function directoryRules(directory: string, files: ContextFiles): Promise<IgnoreRules> {
  const content = await files.readInside(directory, '.dockerignore');
  return ignoreRules(content && { name: join(directory, '.dockerignore'), content });
}
