/**
 * Replaces one version after the other while clients predict continuously.
 *
 * @module
 */
import { FaultRig } from "../faults/fault_rig.ts";
import { residentBytes, threadCount } from "../../support/process_memory.ts";

const POLL_SECONDS = 0.05;

/** What a swap takes at most on average, on the busiest of machines. */
const SWAP_LIMIT_MS = 5000;

/** Where a soak stands. */
export interface SoakRow {
  readonly swaps: number;
  readonly seconds: number;
  /** Requests answered so far; none has failed. */
  readonly answers: number;
  readonly residentMb: number;
  readonly threads: number;
  /** Versions that GetModelStatus tells of. */
  readonly statuses: number;
}

/** How long to soak. */
export interface SoakOptions {
  readonly swaps: number;
  /** How many swaps from one row to the next. */
  readonly every: number;
  readonly onRow: (row: SoakRow) => void;
}

/**
 * Swaps versions under load.
 *
 * @throws what the first request that failed was answered with.
 */
export async function soak({ swaps, every, onRow }: SoakOptions): Promise<void> {
  await using rig = await FaultRig.start({ pollSeconds: POLL_SECONDS, limitMs: swaps * SWAP_LIMIT_MS });
  await rig.load.more(100);
  const start = performance.now();
  for (let swap = 0; swap <= swaps; swap++) {
    if (swap % every === 0) {
      onRow({
        swaps: swap,
        seconds: (performance.now() - start) / 1000,
        answers: rig.load.answers,
        residentMb: await residentBytes(rig.server.pid) / 2 ** 20,
        threads: await threadCount(rig.server.pid),
        statuses: (await rig.states()).length,
      });
    }
    if (swap === swaps) break;
    const old = swap + 1;
    await rig.add(old + 1);
    await rig.state(old, "end");
    await Deno.remove(rig.path(old), { recursive: true });
    await rig.load.more(1);
  }
  await rig.finish();
}
