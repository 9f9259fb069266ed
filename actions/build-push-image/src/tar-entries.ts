/** An entry of a tar stream and how its content begins. */
export interface TarEntry {
  readonly name: string;
  readonly kind: 'file' | 'other';
  readonly mode: number;
  readonly head: Uint8Array;
}

const block = 512;

/**
 * The entries of a tar stream as they come, each with at most `keep` bytes of its content; the rest is passed over, never kept.
 * Whoever has enough stops iterating, and the stream is closed.
 */
export async function* tarEntries(stream: AsyncIterable<Uint8Array>, keep: number): AsyncGenerator<TarEntry> {
  const source = reader(stream);
  try {
    let long: { readonly name?: string; readonly size?: number } = {};
    for (;;) {
      const header = await source.take(block);
      // Empty blocks are the end. They are read to their own: whoever writes them is not to be cut off.
      if (header.every((byte) => byte === 0)) {
        await source.skip(Infinity);
        return;
      }
      if (header.length < block) throw new Error('the tar archive is cut off');
      const type = String.fromCharCode(header[156] ?? 0);
      const size = long.size ?? octal(text(header, 124, 12));
      const padded = Math.ceil(size / block) * block;
      if (type === 'x' || type === 'L') {
        const content = text(await source.take(size), 0, size);
        await source.skip(padded - size);
        long = type === 'x' ? extended(content) : { ...long, name: content };
        continue;
      }
      if (type === 'g') {
        await source.skip(padded);
        continue;
      }
      const prefix = text(header, 257, 6) === 'ustar' ? text(header, 345, 155) : '';
      const name = long.name ?? `${prefix === '' ? '' : `${prefix}/`}${text(header, 0, 100)}`;
      const mode = octal(text(header, 100, 8));
      long = {};
      // Only files have content, whatever an entry's size says (a hard link may tell its file's).
      if (type !== '0' && type !== '\0') {
        yield { name, kind: 'other', mode, head: new Uint8Array() };
        continue;
      }
      const head = await source.take(Math.min(size, keep));
      yield { name, kind: 'file', mode, head };
      await source.skip(padded - head.length);
    }
  } finally {
    await source.close();
  }
}

/** Records of `<length> <key>=<value>\n`. */
function extended(content: string): { readonly name?: string; readonly size?: number } {
  const value = (key: string): string | undefined => new RegExp(`^\\d+ ${key}=(.*)$`, 'm').exec(content)?.[1];
  const name = value('path');
  const size = value('size');
  return { ...(name === undefined ? {} : { name }), ...(size === undefined ? {} : { size: Number(size) }) };
}

function octal(digits: string): number {
  if (!/^ *[0-7]+ *$/.test(digits)) throw new Error('this is no tar archive');
  return Number.parseInt(digits, 8);
}

/** Up to the first zero byte. */
function text(bytes: Uint8Array, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

interface Source {
  /** Fewer bytes only where the stream ends. */
  take(count: number): Promise<Uint8Array>;
  skip(count: number): Promise<void>;
  close(): Promise<void>;
}

function reader(stream: AsyncIterable<Uint8Array>): Source {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  const more = async (): Promise<boolean> => {
    const next = await chunks.next();
    if (next.done === true) return false;
    rest = next.value;
    return true;
  };
  const pieces = async (count: number, use: (piece: Uint8Array) => void): Promise<void> => {
    for (let left = count; left > 0;) {
      if (rest.length === 0 && !(await more())) return;
      const piece = rest.subarray(0, left);
      rest = rest.subarray(piece.length);
      left -= piece.length;
      use(piece);
    }
  };
  return {
    async take(count) {
      const taken: Uint8Array[] = [];
      await pieces(count, (piece) => taken.push(piece));
      return taken.length === 1 ? (taken[0] ?? new Uint8Array()) : Buffer.concat(taken);
    },
    skip: (count) => pieces(count, () => undefined),
    async close() {
      await chunks.return?.();
    },
  };
}
