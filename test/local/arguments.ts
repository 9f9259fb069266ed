export interface LocalArguments {
  readonly command: 'run' | 'down' | 'help';
  readonly keep: boolean;
}

export const usage = `npm run local                the guide's pipeline on this machine; everything is stopped at the end
npm run local -- --keep      the same, and everything stays running
npm run local -- --down      stops what was kept running
npm run local -- --help      this text`;

/** Throws with the usage for anything it does not know. */
export function parseArguments(words: readonly string[]): LocalArguments {
  const known = ['--keep', '--down', '--help', '-h'];
  const unknown = words.filter((word) => !known.includes(word));
  if (unknown.length > 0) throw new Error(`Unknown: ${unknown.join(' ')}\n\n${usage}`);
  if (words.includes('--help') || words.includes('-h')) return { command: 'help', keep: false };
  if (words.includes('--keep') && words.includes('--down')) {
    throw new Error(`--keep and --down contradict each other.\n\n${usage}`);
  }
  return { command: words.includes('--down') ? 'down' : 'run', keep: words.includes('--keep') };
}
