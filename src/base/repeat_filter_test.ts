import assert from "node:assert/strict";
import { RepeatFilter } from "./repeat_filter.ts";

Deno.test("RepeatFilter.admit() admits a few in each period and returns how many it has suppressed", () => {
  let nowMs = 0;
  const filter = new RepeatFilter({ repeatsMax: 2, periodMs: 100, keysMax: 10, now: () => nowMs });
  assert.deepEqual([1, 2, 3, 4].map(() => filter.admit("a")), [0, 0, undefined, undefined]);
  assert.equal(filter.admit("b"), 0, "another thing");
  nowMs = 99;
  assert.equal(filter.admit("a"), undefined);
  nowMs = 100;
  assert.deepEqual([1, 2, 3].map(() => filter.admit("a")), [3, 0, undefined]);
});

Deno.test("RepeatFilter remembers a limited number of messages", () => {
  const filter = new RepeatFilter({ repeatsMax: 1, periodMs: 100, keysMax: 2, now: () => 0 });
  for (const key of ["a", "b", "c"]) assert.equal(filter.admit(key), 0);
  assert.equal(filter.admit("a"), 0, "forgotten");
  assert.equal(filter.admit("c"), undefined, "not forgotten");
});
