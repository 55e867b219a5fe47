import assert from "node:assert/strict";
import { steadyRate } from "./contender.ts";
import type { Outcome } from "./h2load.ts";

/** Calls that end one after the other, each `gapsUs` after the previous one. */
function outcome(gapsUs: readonly number[]): Outcome {
  let endUs = 1e6;
  const calls = gapsUs.map((gapUs) => ({ startUs: endUs, endUs: endUs += gapUs }));
  return { calls, failed: 0, callsPerSecond: 5 };
}

Deno.test("steadyRate() leaves out the end, when some connections have finished", () => {
  const gaps = [...Array(900).fill(1000), ...Array(100).fill(10_000)];
  assert.equal(Math.round(steadyRate(outcome(gaps), 10)), 1000);
});

Deno.test("steadyRate() returns the whole rate of a short round", () => {
  assert.equal(steadyRate(outcome(Array(100).fill(1000)), 10), 5);
});
