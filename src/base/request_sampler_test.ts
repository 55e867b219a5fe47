import assert from "node:assert/strict";
import { RequestSampler } from "./request_sampler.ts";

Deno.test("RequestSampler takes every request while they come slowly", async () => {
  const sampler = new RequestSampler();
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert(sampler.take());
  }
});

Deno.test("RequestSampler takes one of sixteen when they come fast, and all again when they no longer do", async () => {
  const sampler = new RequestSampler();
  let taken = 0;
  for (let i = 0; i < 100_000; i++) taken += Number(sampler.take());
  assert(taken < 100_000 / 8 && taken >= 100_000 / 16, `${taken} taken`);
  // The interval is looked at when one is taken: the first after the pause, at the latest the sixteenth.
  await new Promise((resolve) => setTimeout(resolve, 10));
  for (let i = 0; i < 16 && !sampler.take();) i++;
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert(sampler.take());
  }
});
