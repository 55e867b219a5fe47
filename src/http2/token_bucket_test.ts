import assert from "node:assert/strict";
import { Budget } from "./token_bucket.ts";

Deno.test("Budget.spend() is true as often as there is something left", () => {
  const budget = new Budget({ max: 3, perSecond: 10 });
  assert.deepEqual([1, 2, 3, 4].map(() => budget.spend()), [true, true, true, false]);
});

Deno.test("Budget.elapse() and earn() give back, up to the start", () => {
  const budget = new Budget({ max: 3, perSecond: 10 });
  for (let i = 0; i < 3; i++) budget.spend();
  budget.elapse(200);
  assert.deepEqual([1, 2, 3].map(() => budget.spend()), [true, true, false]);
  budget.earn(100);
  assert.deepEqual([1, 2, 3, 4].map(() => budget.spend()), [true, true, true, false]);
});
