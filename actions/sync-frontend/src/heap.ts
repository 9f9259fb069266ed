import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const youngGenerationBytes = 16 * 1024 * 1024;

/** With tens of thousands of files V8 would double its young generation up to 128 MB, for nothing: it is not faster with it. */
export function boundYoungGeneration(): void {
  const timer = setInterval(() => {
    const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
    if (young !== undefined && young.space_size < youngGenerationBytes) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    clearInterval(timer);
  }, 10).unref();
}
