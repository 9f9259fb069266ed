import type { ImageId, ImageRegistry } from '../../../shared/aws/ecr.ts';
import { waitUntil } from '../../../shared/aws/wait.ts';
import { isAwsError } from '../../../shared/core/errors.ts';
import type { Run } from './apply.ts';
import { addCounts, gate, judgeScan, scanTargets, type ScanLook, type SeverityCounts } from './scan.ts';

/** Waits for ECR's findings of every platform's image, and refuses those that the gate does not let pass. */
export async function scan({ inputs, observed, ports, draft, progress }: Run): Promise<void> {
  const { image } = draft;
  if (image === undefined) return;
  const deadline = ports.clock.now() + inputs.scanTimeoutMinutes * 60_000;
  const counts: SeverityCounts[] = [];
  for (const digest of scanTargets(image)) {
    const id: ImageId = { repository: inputs.repository, digest };
    let last: ScanLook['seen'];
    let polls = 0;
    const look = async (): Promise<ScanLook> => {
      const seen = await ports.registry.scan(id);
      // Scan on push begins by itself, if a moment later; nothing else does.
      const begins = observed.repository?.scanOnPush ?? draft.createdRepository;
      if (seen === undefined && polls === (begins ? 3 : 0)) await startScan(ports.registry, id);
      polls += 1;
      const found = { seen, before: last };
      last = seen;
      return found;
    };
    counts.push(
      await waitUntil(look, judgeScan, {
        clock: ports.clock,
        deadline,
        interval: () => 5_000,
        what: `scan of ${digest}`,
        signal: ports.signal,
        onChange: (state) => progress.info(`Scan of ${digest.slice(0, 19)}: ${state}`),
      }),
    );
  }
  draft.findings = addCounts(counts);
  const refusal = gate(draft.findings, inputs.scan);
  if (refusal !== undefined) throw refusal;
}

async function startScan(registry: ImageRegistry, id: ImageId): Promise<void> {
  try {
    await registry.startScan(id);
  } catch (error) {
    // An image is scanned once in 24 hours: then the last scan's findings come.
    if (!isAwsError(error, 'LimitExceededException')) throw error;
  }
}
