import { copyFileSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { must } from '../../local/command.ts';

/** What `RUN` and `cat` need, out of this machine: an image of a few megabytes that comes from no registry. */
export async function shellFiles(directory: string): Promise<void> {
  for (const name of ['sh', 'cat']) {
    const program = realpathSync((await must('sh', ['-c', `command -v ${name}`])).trim());
    copy(program, join(directory, 'bin', name));
    for (const [library] of (await must('ldd', [program])).matchAll(/\/\S+/g)) {
      if (existsSync(library)) copy(library, join(directory, library));
    }
  }
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(realpathSync(from), to);
}
