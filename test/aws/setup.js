/** One emulator without Docker for the adapter and bundle tests; every test file uses an account (access key) of its own. */
export default async function setUp() {
  const { startEmulator } = await import('../local/emulator.ts');
  const emulator = await startEmulator({ log: () => undefined, docker: false });
  globalThis.slipwayEmulator = emulator;
  process.env.AWS_ENDPOINT_URL = emulator.endpoint;
  process.env.AWS_REGION = 'us-east-1';
  process.env.AWS_ACCESS_KEY_ID = 'test';
  process.env.AWS_SECRET_ACCESS_KEY = 'test';
}
