export interface PoolOptions {
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` on every item, at most `limit` at a time. After the first failure (or an abort) nothing new is started, what
 * runs is awaited, and then the first failure is thrown: nobody is left writing behind the caller's back.
 */
export async function forEachConcurrently<T>(
  items: readonly T[],
  { limit, signal }: PoolOptions,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const item = items[next];
      next += 1;
      try {
        signal?.throwIfAborted();
        if (item !== undefined) await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
}
