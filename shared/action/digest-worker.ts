import { parentPort } from 'node:worker_threads';
import { claim, digestEach, type DigestAnswer, type DigestKind, type SizedFile } from './digest.ts';

/** What a thread is asked, once: to do what nobody else has begun, in this order. */
export interface DigestWork {
  readonly kind: DigestKind;
  readonly tasks: readonly (readonly SizedFile[])[];
  readonly claims: Int32Array;
}

/** One for each task that it did; then `done`. */
export type DigestReport = { readonly index: number; readonly answer: DigestAnswer } | 'done';

const report = (message: DigestReport): void => parentPort?.postMessage(message);

parentPort?.once('message', ({ kind, tasks, claims }: DigestWork) => {
  for (const [index, files] of tasks.entries()) {
    if (claim(claims, index)) report({ index, answer: digestEach(kind, files) });
  }
  report('done');
});
