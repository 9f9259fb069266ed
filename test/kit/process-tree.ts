import { readdirSync, readFileSync } from 'node:fs';

/** Kills a process and all that it started, as a runner does whose job is cut off. */
export function killTree(pid: number): void {
  const parents = parentsOf();
  const doomed = [pid];
  for (const parent of doomed) {
    for (const [child, of] of parents) if (of === parent) doomed.push(child);
  }
  for (const one of doomed) {
    try {
      process.kill(one, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}

function parentsOf(): readonly (readonly [child: number, parent: number])[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      // "pid (name) state ppid …", where the name may hold anything.
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      return [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const];
    } catch {
      return [];
    }
  });
}
