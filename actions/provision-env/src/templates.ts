import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTemplate, type Template } from './template.ts';
import type { StackKey } from './stacks.ts';

export type Templates = Readonly<Record<StackKey, Template>>;

/** The YAML beside this action: `src/` and `dist/` both stand next to `templates/`, so what is read is what a person reviewed. */
export function readTemplates(): Templates {
  const read = (key: StackKey): Template =>
    parseTemplate(readFileSync(join(import.meta.dirname, '..', 'templates', `${key}.yml`), 'utf8'));
  return {
    bootstrap: read('bootstrap'),
    foundation: read('foundation'),
    edge: read('edge'),
    app: read('app'),
    monitoring: read('monitoring'),
  };
}
