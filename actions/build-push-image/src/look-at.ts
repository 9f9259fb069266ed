import { accessSync, constants, statSync } from 'node:fs';
import type { LookAt } from './inputs.ts';

/** For the handful of paths that are asked for before anything else. */
export const lookAt: LookAt = (path) => {
  try {
    const found = statSync(path);
    const isDirectory = found.isDirectory();
    accessSync(path, isDirectory ? constants.R_OK | constants.X_OK : constants.R_OK);
    return { kind: isDirectory ? 'directory' : 'file', bytes: found.size };
  } catch {
    return undefined;
  }
};
