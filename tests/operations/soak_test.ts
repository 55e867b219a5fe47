/** A short soak: version swaps under load. `tests/operations/soak/main.ts` runs longer ones. */
import assert from "node:assert/strict";
import { soak, type SoakRow } from "./soak/swaps.ts";

/** What one version leaves behind at most for the soak to be called flat, besides what the runtime's heap takes for itself. */
const GROWTH_MAX_MB = 24;

Deno.test("50 swaps under load lose no request, and memory stays flat", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const rows: SoakRow[] = [];
  await soak({ swaps: 50, every: 25, onRow: (row) => rows.push(row) });
  const [, warm, last] = rows;
  assert.equal(last?.swaps, 50);
  const grownMb = (last?.residentMb ?? Infinity) - (warm?.residentMb ?? 0);
  assert(grownMb < GROWTH_MAX_MB, `memory grew by ${grownMb.toFixed(1)} MB in 25 swaps`);
});
