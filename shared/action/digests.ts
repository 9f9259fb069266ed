import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { DigestReport, DigestWork } from './digest-worker.ts';
import { claim, digestEach, type DigestAnswer, type DigestKind, type SizedFile } from './digest.ts';

/** A thread gets so much at a time: enough to be worth the message, little enough that all end together. */
const task = { bytes: 4 * 1024 * 1024, files: 200 };
/** This thread reads so much at a time, about a millisecond: AWS's answers shall not wait. */
const sliceBytes = 1024 * 1024;
const sliceFiles = 32;
/** Up to both, and without a large file, a thread costs more than it saves: some fifty milliseconds to start, and memory for many names. */
const alone = { bytes: 96 * 1024 * 1024, files: 10_000 };

/** The bundle holds the thread's own file beside this one. */
const workerFile = import.meta.url.endsWith('.ts') ? './digest-worker.ts' : './digest-worker.js';

interface Task {
  readonly files: SizedFile[];
  /** Where the digests belong. */
  readonly indices: number[];
  bytes: number;
}

export interface Hashed {
  readonly files: number;
  readonly bytes: number;
}

export interface DigestOptions {
  readonly kind: DigestKind;
  /** What is thrown for a file that cannot be read as it was found. */
  readonly unreadable: (file: string, why: string) => Error;
  /** Hears of every finished part of the work. */
  readonly onProgress?: ((done: Hashed) => void) | undefined;
}

/** The digests of the files, in their order; much work is done in threads, while the caller talks to AWS. */
export async function digestAll(files: readonly SizedFile[], options: DigestOptions): Promise<readonly string[]> {
  const { kind, unreadable, onProgress } = options;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const isMuch = bytes > alone.bytes || files.length > alone.files || files.some(({ size }) => size > task.bytes);
  const tasks = tasksOf(files);
  // Everybody takes what nobody has begun: nobody waits for somebody to hand out work.
  const claims = new Int32Array(new SharedArrayBuffer(tasks.length * Int32Array.BYTES_PER_ELEMENT));
  const digests = files.map(() => '');
  const take = (index: number, answer: DigestAnswer): void => {
    if ('error' in answer) {
      claims.fill(1);
      throw unreadable(answer.file, answer.error);
    }
    const { indices = [], bytes: done = 0 } = tasks[index] ?? {};
    for (const [at, place] of indices.entries()) digests[place] = answer.digests[at] ?? '';
    onProgress?.({ files: indices.length, bytes: done });
  };
  const threads = isMuch ? Math.min(tasks.length, Math.max(1, availableParallelism() - 1), 7) : 0;
  const work: DigestWork = { kind, tasks: tasks.map((one) => one.files), claims };
  const hashers = Array.from({ length: threads }, () => inThread(work, take));
  await Promise.all([...hashers, here(work, take)]);
  return digests;
}

type Take = (index: number, answer: DigestAnswer) => void;

/**
 * This thread takes part where it has nothing else to do, from the other end, with what is done soon: what came in from AWS meanwhile has
 * its turn.
 */
async function here({ kind, tasks, claims }: DigestWork, take: Take): Promise<void> {
  for (let index = tasks.length - 1; index >= 0; index -= 1) {
    const files = tasks[index] ?? [];
    if (files.some(({ size }) => size > task.bytes) || !claim(claims, index)) continue;
    const digests: string[] = [];
    for (const slice of slicesOf(files)) {
      await setImmediate();
      const answer = digestEach(kind, slice);
      if ('error' in answer) take(index, answer);
      else digests.push(...answer.digests);
    }
    take(index, { digests });
  }
}

/** A millisecond each. */
function* slicesOf(files: readonly SizedFile[]): Generator<readonly SizedFile[]> {
  let start = 0;
  let bytes = 0;
  for (const [index, { size }] of files.entries()) {
    bytes += size;
    if (bytes < sliceBytes && index - start < sliceFiles && index + 1 < files.length) continue;
    yield files.slice(start, index + 1);
    start = index + 1;
    bytes = 0;
  }
}

async function inThread(work: DigestWork, take: Take): Promise<void> {
  const worker = new Worker(new URL(workerFile, import.meta.url));
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject).on('message', (report: DigestReport) => {
        try {
          if (report === 'done') resolve();
          else take(report.index, report.answer);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
      worker.postMessage(work);
    });
  } finally {
    await worker.terminate();
  }
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
    const { size, start, toEnd } = file;
    open.files.push({ file: file.file, size, start, toEnd });
    open.indices.push(index);
    open.bytes += file.size;
  }
  return tasks;
}
