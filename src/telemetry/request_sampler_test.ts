import assert from "node:assert/strict";
import { RequestSampler } from "./request_sampler.ts";

function takeAll(sampler: RequestSampler, count: number): number {
  let taken = 0;
  for (let i = 0; i < count; i++) taken += Number(sampler.take());
  return taken;
}

Deno.test("RequestSampler takes every request of a burst", () => {
  assert.equal(takeAll(new RequestSampler(), 255), 255);
});

Deno.test("RequestSampler takes every sixteenth request while they arrive fast, and all again afterwards", async () => {
  const sampler = new RequestSampler();
  const taken = takeAll(sampler, 1_000_000);
  assert(taken < 200_000 && taken >= 1_000_000 / 16, `${taken} taken`);
  // The rate is checked when a request is taken: after the pause, at the sixteenth at the latest.
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (let i = 0; i < 16 && !sampler.take();) i++;
  assert.equal(takeAll(sampler, 200), 200);
});
