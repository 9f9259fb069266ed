import { humanBytes, humanCount, humanDuration } from '../../../shared/core/clock.ts';

export interface Advance {
  /** What is going on, such as `new assets` or `hashing`. */
  readonly what: string;
  /** Files. */
  readonly done: number;
  readonly total: number;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly elapsedMs: number;
}

/** Files that are larger than this on average take as long as their bytes do; smaller ones as long as their requests do. */
const bytesMatterAbove = 100_000;

/** `new assets: 120 of 2,000 files, 12.3 MB of 195.0 MB, 24.1 MB/s, about 8 s left`. Rate and time left once there is something to go by. */
export function progressLine({ what, done, total, bytes, totalBytes, elapsedMs }: Advance): string {
  const files = `${what}: ${humanCount(done)} of ${humanCount(total)} files`;
  const parts = totalBytes > 0 ? [files, `${humanBytes(bytes)} of ${humanBytes(totalBytes)}`] : [files];
  const byBytes = totalBytes > bytesMatterAbove * total;
  const perSecond = ((byBytes ? bytes : done) * 1000) / elapsedMs;
  if (elapsedMs < 1000 || !(perSecond > 0)) return parts.join(', ');
  const left = Math.max(0, byBytes ? totalBytes - bytes : total - done) / perSecond;
  const rate = byBytes
    ? `${humanBytes(Math.round(perSecond))}/s`
    : `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} files/s`;
  return [...parts, rate, `about ${timeLeft(left)} left`].join(', ');
}

function timeLeft(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : humanDuration(whole * 1000);
}
