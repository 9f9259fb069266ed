/** What an ELF file says of the machine it was made for. */
export interface Machine {
  /** `e_machine`. */
  readonly id: number;
  readonly bits: 32 | 64;
  readonly endian: 'little' | 'big';
}

/** Undefined when these are not the first bytes of an ELF file. https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html */
export function readElf(head: Uint8Array): Machine | undefined {
  if (head.length < 20 || head[0] !== 0x7f || head[1] !== 0x45 || head[2] !== 0x4c || head[3] !== 0x46)
    return undefined;
  const bits = head[4] === 1 ? 32 : head[4] === 2 ? 64 : undefined;
  const endian = head[5] === 1 ? 'little' : head[5] === 2 ? 'big' : undefined;
  if (bits === undefined || endian === undefined) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return { id: view.getUint16(18, endian === 'little'), bits, endian };
}

interface Known extends Machine {
  /** As platforms spell it. */
  readonly architecture: string;
  readonly name: string;
}

const machine = (architecture: string, name: string, facts: readonly [number, 32 | 64, 'little' | 'big']): Known => ({
  architecture,
  name,
  id: facts[0],
  bits: facts[1],
  endian: facts[2],
});

const known: readonly Known[] = [
  machine('amd64', 'an x86-64 program', [62, 64, 'little']),
  machine('arm64', 'an AArch64 program', [183, 64, 'little']),
  machine('386', 'a 32-bit x86 program', [3, 32, 'little']),
  machine('arm', 'a 32-bit ARM program', [40, 32, 'little']),
  machine('riscv64', 'a 64-bit RISC-V program', [243, 64, 'little']),
  machine('ppc64le', 'a little-endian POWER program', [21, 64, 'little']),
  machine('s390x', 'an s390x program', [22, 64, 'big']),
  machine('ppc64', 'a big-endian POWER program', [21, 64, 'big']),
  machine('loong64', 'a LoongArch program', [258, 64, 'little']),
  machine('mips64le', 'a 64-bit little-endian MIPS program', [8, 64, 'little']),
];

/** What kernels of an architecture run besides its own. */
const alsoRuns: Readonly<Record<string, string>> = { amd64: '386', arm64: 'arm' };

/** `maybe`: a 32-bit program, which runs where processor and kernel still know how. */
export type Runs = 'yes' | 'maybe' | 'no' | 'unknown';

export function runsOn(found: Machine, architecture: string): Runs {
  if (!known.some((entry) => entry.architecture === architecture)) return 'unknown';
  const own = identify(found)?.architecture;
  if (own === architecture) return 'yes';
  return own !== undefined && own === alsoRuns[architecture] ? 'maybe' : 'no';
}

/** With its article: "an x86-64 program". */
export function describeMachine(found: Machine): string {
  return identify(found)?.name ?? `a ${found.bits}-bit ${found.endian}-endian program for ELF machine ${found.id}`;
}

function identify({ id, bits, endian }: Machine): Known | undefined {
  return known.find((entry) => entry.id === id && entry.bits === bits && entry.endian === endian);
}
