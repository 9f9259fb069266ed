/** One emulator without Docker for the adapter and bundle tests; every test file uses an account (access key) of its own. */
export default async function setUp() {
  const { prepare } = await import('../local/prepare.ts');
  const { startEmulator } = await import('../local/emulator.ts');
  await prepare(console.log, { docker: false });
  globalThis.slipwayEmulator = await startEmulator({ docker: false });
  Object.assign(process.env, globalThis.slipwayEmulator.env);
}
