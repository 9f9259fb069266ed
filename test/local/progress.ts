export type Log = (line: string) => void;

export const silent: Log = () => undefined;

const started = performance.now();

// A reader that has seen enough (`| head`) must not keep the run from tidying up.
process.stdout.on('error', () => undefined);

export const sinceStart = () => (performance.now() - started) / 1000;

/** A line on the terminal, with the seconds since the start in front. */
export const say: Log = (line) => {
  process.stdout.write(`${sinceStart().toFixed(1).padStart(6)} s  ${line}\n`);
};

/** Runs one step and says how long it took; a reminder while it is silent. */
export async function step<T>(log: Log, name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
  log(`${name} …`);
  const reminder = setInterval(() => {
    log(`  … ${name}: ${seconds()} s so far`);
  }, 20_000);
  try {
    const result = await work();
    log(`${name}: done in ${seconds()} s`);
    return result;
  } finally {
    clearInterval(reminder);
  }
}
