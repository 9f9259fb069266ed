export default async function tearDown() {
  await globalThis.slipwayEmulator?.stop();
}
