import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, isEmulator, type EmulatorHandle } from './emulator.ts';
import { paths } from './paths.ts';

/** What a kept run left running. */
export interface KeptState {
  readonly port: number;
  readonly pid: number;
}

export function keptState(): (KeptState & { readonly emulator: EmulatorHandle }) | undefined {
  if (!existsSync(paths.state)) return undefined;
  const state = JSON.parse(readFileSync(paths.state, 'utf8')) as KeptState;
  if (!isEmulator(state.pid)) return undefined;
  return { ...state, emulator: describe(state.port, state.pid) };
}

export const keep = (state: KeptState) => writeFileSync(paths.state, `${JSON.stringify(state, null, 2)}\n`);
export const forget = () => rmSync(paths.state, { force: true });
