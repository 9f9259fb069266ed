import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { PreconditionError } from '../../../shared/core/errors.ts';
import type { DigestTask } from './digest-worker.ts';
import { digestEach, type DigestAnswer, type DigestKind, type SizedFile } from './digest.ts';

/** A thread gets so much at a time: enough to be worth the message, little enough that all end together. */
const task = { bytes: 4 * 1024 * 1024, files: 200 };
/** Up to both, and without a large file, starting threads costs more than they save. */
const alone = { bytes: 16 * 1024 * 1024, files: 500 };

/** The bundle holds the thread's own file beside this one. */
const workerFile = import.meta.url.endsWith('.ts') ? './digest-worker.ts' : './digest-worker.js';

interface Task {
  readonly files: SizedFile[];
  /** Where the digests belong. */
  readonly indices: number[];
  bytes: number;
}

/** Carries out one task after the other. */
interface Hasher {
  /** Undefined when nothing is left for it. */
  readonly take: (queue: Task[]) => Task | undefined;
  readonly digest: (task: DigestTask) => Promise<DigestAnswer>;
  readonly end: () => Promise<unknown>;
}

export interface Hashed {
  readonly files: number;
  readonly bytes: number;
}

/**
 * The digests of the files, in their order; much work is done in threads, while the caller talks to AWS. Throws a
 * `PreconditionError` for a file that cannot be read as it was found. `onProgress` hears of every finished part of the work.
 */
export type Digests = (
  kind: DigestKind,
  files: readonly SizedFile[],
  onProgress?: (done: Hashed) => void,
) => Promise<readonly string[]>;

export const digestAll: Digests = async (kind, files, onProgress = () => undefined) => {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const isMuch = bytes > alone.bytes || files.length > alone.files || files.some(({ size }) => size > task.bytes);
  const queue = tasksOf(files);
  const digests = files.map(() => '');
  const work = async (hasher: Hasher): Promise<void> => {
    try {
      for (let next = hasher.take(queue); next !== undefined; next = hasher.take(queue)) {
        const answer = await hasher.digest({ kind, files: next.files });
        if ('error' in answer) {
          queue.length = 0;
          throw new PreconditionError('SourceUnreadable', `${answer.file} could not be read: ${answer.error}`, {
            hint: 'Does something still write to the source? Run again when the build is done.',
          });
        }
        for (const [at, index] of next.indices.entries()) digests[index] = answer.digests[at] ?? '';
        onProgress({ files: next.files.length, bytes: next.bytes });
      }
    } finally {
      await hasher.end();
    }
  };
  const threads = isMuch ? Math.min(queue.length, Math.max(1, availableParallelism() - 1), 7) : 0;
  await Promise.all([...Array.from({ length: threads }, thread), here].map(work));
  return digests;
};

/** This thread takes part where it has nothing else to do, with what is done soon: what came in from AWS meanwhile has its turn. */
const here: Hasher = {
  take: (queue) => ((queue.at(-1)?.bytes ?? 0) <= task.bytes ? queue.pop() : undefined),
  async digest({ kind, files }) {
    await setImmediate();
    return digestEach(kind, files);
  },
  end: () => Promise.resolve(),
};

function thread(): Hasher {
  const worker = new Worker(new URL(workerFile, import.meta.url));
  return {
    take: (queue) => queue.shift(),
    digest: (asked) =>
      new Promise((resolve, reject) => {
        const answered = (answer: DigestAnswer): void => {
          worker.off('error', failed);
          resolve(answer);
        };
        const failed = (error: Error): void => {
          worker.off('message', answered);
          reject(error);
        };
        worker.once('message', answered).once('error', failed);
        worker.postMessage(asked);
      }),
    end: () => worker.terminate(),
  };
}

/** The largest first: they would otherwise be what everybody waits for at the end. */
function tasksOf(files: readonly SizedFile[]): Task[] {
  const order = files.map((_, index) => index).sort((a, b) => (files[b]?.size ?? 0) - (files[a]?.size ?? 0));
  const tasks: Task[] = [];
  let open: Task | undefined;
  for (const index of order) {
    const file = files[index];
    if (file === undefined) continue;
    if (open === undefined || open.bytes + file.size > task.bytes || open.files.length === task.files) {
      open = { files: [], indices: [], bytes: 0 };
      tasks.push(open);
    }
    open.files.push({ file: file.file, size: file.size });
    open.indices.push(index);
    open.bytes += file.size;
  }
  return tasks;
}
