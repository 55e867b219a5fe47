import assert from "node:assert/strict";
import { steadyRate } from "./contender.ts";
import type { Outcome } from "./h2load.ts";

/** Calls that end one after the other, each so many microseconds after the one before. */
function outcome(gapsUs: readonly number[]): Outcome {
  let endUs = 1e6;
  const calls = gapsUs.map((gapUs) => ({ startUs: endUs, endUs: endUs += gapUs }));
  return { calls, failed: 0, callsPerSecond: 5 };
}

Deno.test("steadyRate() leaves out the end, where connections that are done leave others alone", () => {
  const gaps = [...Array(900).fill(1000), ...Array(100).fill(10_000)];
  assert.equal(Math.round(steadyRate(outcome(gaps), 10)), 1000);
});

Deno.test("steadyRate() takes a short round as it is", () => {
  assert.equal(steadyRate(outcome(Array(100).fill(1000)), 10), 5);
});
