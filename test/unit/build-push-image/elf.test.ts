import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { describeMachine, readElf, runsOn } from '../../../actions/build-push-image/src/elf.ts';
import { arm64, elf, x86 } from './image-kit.ts';

test.each([
  ['amd64', x86, 'an x86-64 program'],
  ['arm64', arm64, 'an AArch64 program'],
  ['arm', elf(40, { bits: 32 }), 'a 32-bit ARM program'],
  ['386', elf(3, { bits: 32 }), 'a 32-bit x86 program'],
  ['riscv64', elf(243), 'a 64-bit RISC-V program'],
  ['ppc64le', elf(21), 'a little-endian POWER program'],
  ['s390x', elf(22, { big: true }), 'an s390x program'],
])('a program for %s runs there and nowhere else', (architecture, head, name) => {
  const found = readElf(head)!;
  expect(describeMachine(found)).toBe(name);
  expect(runsOn(found, architecture)).toBe('yes');
  const others = ['amd64', 'arm64', 'arm', '386', 'riscv64', 'ppc64le', 's390x'].filter((one) => one !== architecture);
  const elsewhere = others.filter((other) => runsOn(found, other) !== 'no');
  // 64-bit kernels may still run what is 32-bit of their own kind.
  expect(elsewhere).toEqual({ '386': ['amd64'], arm: ['arm64'] }[architecture] ?? []);
  for (const other of elsewhere) expect(runsOn(found, other)).toBe('maybe');
});

test.each([
  ['the same machine, big-endian', elf(21, { big: true }), 'ppc64le', 'a big-endian POWER program'],
  ['the same machine, 32-bit', elf(243, { bits: 32 }), 'riscv64', 'a 32-bit little-endian program for ELF machine 243'],
  ['bytes of the number swapped', elf(62, { big: true }), 'amd64', 'a 64-bit big-endian program for ELF machine 62'],
])('%s is another', (...[, head, architecture, name]) => {
  const found = readElf(head)!;
  expect([runsOn(found, architecture), describeMachine(found)]).toEqual(['no', name]);
});

test('of an architecture that is not known here, nothing is claimed', () => {
  expect(runsOn(readElf(x86)!, 'sparc64')).toBe('unknown');
});

test('this very node is a program of this machine', () => {
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64' | 'arm64'];
  expect(runsOn(readElf(readFileSync(process.execPath).subarray(0, 64))!, architecture)).toBe('yes');
});

test.each([
  ['nothing', new Uint8Array()],
  ['a script', new TextEncoder().encode('#!/bin/sh\nexec /app/server --with --options\n')],
  ['a header cut off', x86.subarray(0, 19)],
  ['a class that is none', Uint8Array.from(x86, (byte, at) => (at === 4 ? 3 : byte))],
  ['a byte order that is none', Uint8Array.from(x86, (byte, at) => (at === 5 ? 0 : byte))],
  ['a Windows program', new TextEncoder().encode('MZ'.padEnd(64, '\0'))],
])('%s is no ELF file', (_, head) => expect(readElf(head)).toBeUndefined());
