import { Buffer } from 'node:buffer';
import type { PipeDocker } from '../../../actions/build-push-image/src/program-files.ts';

/** The first bytes of an ELF file: `e_ident`, then what it is and for which machine. */
export function elf(machine: number, { bits = 64, big = false }: { bits?: 32 | 64; big?: boolean } = {}): Uint8Array {
  const head = Buffer.alloc(64);
  head.set([0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, big ? 2 : 1, 1]);
  for (const [value, at] of [
    [2, 16],
    [machine, 18],
  ] as const) {
    if (big) head.writeUInt16BE(value, at);
    else head.writeUInt16LE(value, at);
  }
  return head;
}
export const x86 = elf(62);
export const arm64 = elf(183);
export const script = (text: string): Uint8Array => Buffer.from(text);

export interface TarFile {
  readonly name: string;
  readonly content?: Uint8Array;
  readonly mode?: number;
  readonly type?: string;
  readonly size?: number;
}

/** A tar archive as GNU and POSIX write them, without its end. */
export function tarOf(...files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap(({ name, content = new Uint8Array(), mode = 0o755, type = '0', size }) => {
    const header = Buffer.alloc(512);
    const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;
    header.write(name, 0);
    header.write(octal(mode, 8), 100);
    header.write(octal(size ?? content.length, 12), 124);
    header.write(type, 156);
    header.write('ustar\x0000', 257);
    // Of the header with blanks in its own place.
    header.write('        ', 148);
    header.write(
      octal(
        header.reduce((sum, byte) => sum + byte),
        7,
      ),
      148,
    );
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat(blocks);
}

/** In pieces of so many bytes, as a pipe hands it over; `onClose` when nobody wants more. */
export async function* inPieces(bytes: Uint8Array, size = 1000, onClose: () => void = () => undefined) {
  try {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  } finally {
    onClose();
  }
}

/** What lies in an image, by its path. */
export type Files = Readonly<Record<string, Uint8Array | 'directory'>>;

export interface Asked {
  readonly line: string;
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Docker and buildx, as far as they give files away; every command is kept. `platform` is what `--platform` asks for. */
export function fakePipe(
  filesOf: (platform: string | undefined, image: string) => Files,
  modes: Readonly<Record<string, number>> = {},
) {
  const asked: Asked[] = [];
  const containers = new Map<string, Files>();
  /** Commands that start so fail, and say this. */
  const failing = new Map<string, string>();
  const flag = (args: readonly string[], name: string): string | undefined =>
    args.includes(name) ? args[args.indexOf(name) + 1] : undefined;

  const answer = (args: readonly string[], stdin: string): Buffer | { readonly stderr: string } => {
    const line = args.join(' ');
    const failure = [...failing].find(([start]) => line.startsWith(start));
    if (failure !== undefined) return { stderr: failure[1] };
    if (args[0] === 'create') {
      containers.set(flag(args, '--name') ?? '', filesOf(flag(args, '--platform'), args.at(-1) ?? ''));
      return Buffer.from('id\n');
    }
    if (args[0] === 'rm') {
      containers.delete(args.at(-1) ?? '');
      return Buffer.alloc(0);
    }
    if (args[0] === 'cp') {
      const [container = '', path = ''] = (args[2] ?? '').split(':');
      const found = containers.get(container)?.[path];
      if (found === undefined) return { stderr: `Error: Could not find the file ${path} in container ${container}` };
      return tarOf(
        found === 'directory' ? { name: 'x/', type: '5' } : { name: 'x', content: found, mode: modes[path] ?? 0o755 },
      );
    }
    return built(stdin, (image) => filesOf(flag(args, '--platform'), image));
  };

  const pipe: PipeDocker = async (args, { read, stdin = '', env = {}, timeoutMs }) => {
    asked.push({ line: args.join(' '), stdin, env, timeoutMs });
    const said = answer(args, stdin);
    return Buffer.isBuffer(said)
      ? { value: await read(inPieces(said)), exitCode: 0, stderr: '' }
      : { value: await read(inPieces(Buffer.alloc(0))), exitCode: 1, stderr: said.stderr };
  };
  return { pipe, asked, containers, failing };
}

/** What BuildKit makes of such a Dockerfile. */
function built(dockerfile: string, filesOf: (image: string) => Files): Buffer | { readonly stderr: string } {
  const lines = dockerfile.trim().split('\n');
  const files = filesOf(/^FROM (\S+)/.exec(lines[0] ?? '')?.[1] ?? '');
  const directories = new Set(lines.flatMap((line) => /^WORKDIR (\S+)$/.exec(line)?.[1] ?? []));
  const out: TarFile[] = [];
  for (const line of lines) {
    const [, from, to] = /^COPY --from=image (\S+) (\S+)$/.exec(line) ?? [];
    if (from === undefined || to === undefined) continue;
    const path = from.replace(/\[(.)\]/, '$1');
    const found = files[path];
    const parent = path.slice(0, path.lastIndexOf('/')) || '/';
    const isThere = directories.has(parent) || Object.keys(files).some((name) => name.startsWith(`${parent}/`));
    if (found === undefined && (path === from || !isThere))
      return { stderr: `ERROR: failed to solve: "${path}": not found` };
    if (found === undefined) continue;
    const name = (to.endsWith('/') ? `${to}${path.slice(path.lastIndexOf('/') + 1)}` : to).slice(1);
    out.push(found === 'directory' ? { name: `${name}/`, type: '5' } : { name, content: found });
  }
  return tarOf(...out);
}
