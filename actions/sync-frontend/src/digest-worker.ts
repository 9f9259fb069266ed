import { parentPort } from 'node:worker_threads';
import { digestEach, type DigestKind, type SizedFile } from './digest.ts';

/** What a thread is asked, over and over. */
export interface DigestTask {
  readonly kind: DigestKind;
  readonly files: readonly SizedFile[];
}

parentPort?.on('message', ({ kind, files }: DigestTask) => {
  parentPort?.postMessage(digestEach(kind, files));
});
