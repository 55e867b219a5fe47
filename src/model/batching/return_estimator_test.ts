import assert from "node:assert/strict";
import { ReturnEstimator } from "./return_estimator.ts";

/** Answers a batch of 4, of which `back` return in time. */
function round(estimator: ReturnEstimator, { nowMs, back }: { nowMs: number; back: number }): void {
  estimator.answered(4, { nowMs, tookMs: 8 });
  estimator.arrived(back, nowMs + 1);
  assert.equal(estimator.expectedSize(nowMs + 4), 0);
}

Deno.test("ReturnEstimator expects nothing at first", () => {
  const estimator = new ReturnEstimator();
  assert.deepEqual([estimator.isUnderWay, estimator.expectedSize(0), estimator.untilMs], [false, 0, Infinity]);
  estimator.arrived(3, 0);
  assert.equal(estimator.isUnderWay, false);
});

Deno.test("ReturnEstimator expects answered clients, less those that arrived, for half the time of their batch", () => {
  const estimator = new ReturnEstimator();
  estimator.answered(5, { nowMs: 100, tookMs: 8 });
  assert.deepEqual([estimator.expectedSize(100), estimator.untilMs], [5, 104]);
  estimator.arrived(2, 101);
  assert.equal(estimator.expectedSize(103.9), 3);
  assert.equal(estimator.expectedSize(104), 0);
  assert.equal(estimator.isUnderWay, false);
});

Deno.test("ReturnEstimator expects no one for longer than 10 ms", () => {
  const estimator = new ReturnEstimator();
  estimator.answered(2, { nowMs: 0, tookMs: 5000 });
  assert.equal(estimator.untilMs, 10);
});

Deno.test("ReturnEstimator gives up each batch in its own time, and counts arrivals for the earliest", () => {
  const estimator = new ReturnEstimator();
  estimator.answered(4, { nowMs: 0, tookMs: 20 });
  estimator.answered(3, { nowMs: 1, tookMs: 4 });
  assert.deepEqual([estimator.expectedSize(1), estimator.untilMs], [7, 3]);
  estimator.arrived(1, 2);
  assert.equal(estimator.expectedSize(3), 3, "of the first batch");
  estimator.answered(2, { nowMs: 4, tookMs: 100 });
  estimator.arrived(4, 5);
  assert.deepEqual([estimator.expectedSize(5), estimator.untilMs], [1, 14]);
  estimator.arrived(4, 6);
  assert.equal(estimator.isUnderWay, false);
});

Deno.test("ReturnEstimator stops waiting for clients that do not return, until they return again", () => {
  const estimator = new ReturnEstimator();
  let nowMs = 0;
  const expects = () => {
    estimator.answered(4, { nowMs: nowMs += 100, tookMs: 8 });
    const size = estimator.expectedSize(nowMs);
    estimator.arrived(4, nowMs);
    return size;
  };
  for (let i = 0; i < 7; i++) round(estimator, { nowMs: nowMs += 100, back: 2 });
  assert.equal(expects(), 4);
  for (let i = 0; i < 2; i++) round(estimator, { nowMs: nowMs += 100, back: 2 });
  assert.equal(expects(), 0);
  assert.equal(expects(), 4, "they returned, although no one waited");
});

Deno.test("ReturnEstimator counts three of four as a return", () => {
  const estimator = new ReturnEstimator();
  for (let i = 0; i < 20; i++) round(estimator, { nowMs: i * 100, back: 3 });
  estimator.answered(4, { nowMs: 5000, tookMs: 8 });
  assert.equal(estimator.expectedSize(5000), 4);
});
