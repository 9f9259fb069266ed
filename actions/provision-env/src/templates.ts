import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTemplate, type Template } from './template.ts';
import { stackKeys, type StackKey } from './stacks.ts';

export type Templates = Readonly<Record<StackKey, Template>>;

/** The YAML beside this action: `src/` and `dist/` both stand next to `templates/`, so what is read is what a person reviewed. */
export function readTemplates(): Templates {
  const [foundation, app] = stackKeys.map((key) =>
    parseTemplate(readFileSync(join(import.meta.dirname, '..', 'templates', `${key}.yml`), 'utf8')),
  );
  if (foundation === undefined || app === undefined) throw new Error('a template is missing');
  return { foundation, app };
}
