import assert from "node:assert/strict";
import { overlaps, roundOf, splitCalls } from "./swaps.ts";

Deno.test("overlaps() is true for calls that begin or end in a span, or enclose it", () => {
  const span = { fromUs: 100, toUs: 200 };
  const overlapping = [[150, 160], [50, 101], [199, 300], [50, 300]];
  const apart = [[50, 100], [200, 300], [10, 20]];
  const isIn = ([startUs = 0, endUs = 0]: number[]) => overlaps({ startUs, endUs }, span);
  assert(overlapping.every(isIn));
  assert(!apart.some(isIn));
});

Deno.test("splitCalls() separates calls in changes from quiet ones, and leaves out those during clean-up", () => {
  const change = { span: { fromUs: 100, toUs: 200 }, tidying: { fromUs: 200, toUs: 300 } };
  const starts = [10, 150, 250, 350];
  const { disturbed, undisturbed } = splitCalls(starts.map((startUs) => ({ startUs, endUs: startUs + 1 })), [change]);
  assert.deepEqual([disturbed, undisturbed].map((calls) => calls.map(({ startUs }) => startUs)), [[150], [10, 350]]);
});

Deno.test("roundOf() handles the number of calls that a trivial model answers in a round", () => {
  const calls = Array.from({ length: 600_000 }, (_, i) => ({ startUs: i, endUs: i + 7 }));
  assert.deepEqual(roundOf([calls, calls]), { calls: 1_200_000, meanUs: 7, p50Us: 7, p99Us: 7 });
});
