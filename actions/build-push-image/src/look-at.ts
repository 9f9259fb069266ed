import { accessSync, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { LookAt, ReadText } from './inputs.ts';

/** For the handful of paths that are asked for before anything else. */
export const lookAt: LookAt = (path) => {
  try {
    const found = statSync(path);
    const isDirectory = found.isDirectory();
    // A pipe would wait for its writer.
    if (!isDirectory && !found.isFile()) return undefined;
    accessSync(path, isDirectory ? constants.R_OK | constants.X_OK : constants.R_OK);
    return { kind: isDirectory ? 'directory' : 'file', bytes: found.size };
  } catch {
    return undefined;
  }
};

/** Every line of a secret becomes a mask of the runner's, which looks for each of them in each line of the log. */
const most = { bytes: 64 * 1024, lines: 1000 };

export const readText: ReadText = (path) => {
  let file: number | undefined;
  try {
    // A pipe would wait for its writer, and what is read of one is gone for docker.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(file).isFile()) return undefined;
    const bytes = Buffer.alloc(most.bytes);
    const length = readSync(file, bytes, 0, most.bytes, 0);
    return bytes.toString('utf8', 0, length).split(/\r?\n/).slice(0, most.lines).join('\n');
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
};
