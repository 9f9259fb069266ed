import { isUtf8 } from 'node:buffer';

// A name on Linux is bytes, and not always UTF-8. A byte that is not stands in text as an unpaired surrogate, U+DC80 to
// U+DCFF: one character, as in Go, and nothing is lost.

const base = 0xdc00;

export function textOf(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const character = [1, 2, 3, 4].map((length) => bytes.subarray(at, at + length)).find(isUtf8);
    text += character?.toString() ?? String.fromCharCode(base + (bytes[at] ?? 0));
    at += character?.length ?? 1;
  }
  return text;
}

/** What the file system is asked for. */
export function bytesOf(text: string): string | Buffer {
  if (isPlain(text)) return text;
  return Buffer.concat(
    Array.from(text, (character) =>
      isPlain(character) ? Buffer.from(character) : Buffer.from([character.charCodeAt(0) - base]),
    ),
  );
}

/** Is all of it UTF-8? */
export function isPlain(text: string): boolean {
  return text.isWellFormed();
}
