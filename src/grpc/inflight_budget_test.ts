import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { InflightBudget } from "./inflight_budget.ts";

function rig(
  bytesMax: number,
): {
  budget: InflightBudget;
  granted: string[];
  ask: (name: string, bytes: number) => ReturnType<InflightBudget["reserve"]>;
} {
  const budget = new InflightBudget({ bytesMax });
  const granted: string[] = [];
  return { budget, granted, ask: (name, bytes) => budget.reserve(bytes, () => granted.push(name)) };
}

Deno.test("InflightBudget grants available memory at once, and the rest in order as memory is released", () => {
  const { budget, granted, ask } = rig(100);
  const first = ask("first", 60);
  assert(first.isGranted);
  const [second, third, fourth] = [ask("second", 50), ask("third", 10), ask("fourth", 60)];
  assert(!second.isGranted && !third.isGranted && !fourth.isGranted, "nobody passes the one in front");
  first.release();
  assert.deepEqual(granted, ["second", "third"]);
  assert.equal(budget.grantedBytes, 60);
  second.release();
  third.release();
  assert.deepEqual(granted, ["second", "third", "fourth"]);
  fourth.release();
  assert.deepEqual([budget.grantedBytes, budget.waiting], [0, 0]);
});

Deno.test("InflightBudget drops a released reservation, and grants those behind it", () => {
  const { budget, granted, ask } = rig(100);
  const first = ask("first", 60);
  const large = ask("large", 90);
  const small = ask("small", 40);
  large.release();
  assert.deepEqual(granted, ["small"]);
  for (const reservation of [first, first, small, large]) reservation.release();
  assert.deepEqual([budget.grantedBytes, budget.waiting], [0, 0]);
});

Deno.test("InflightBudget refuses at once more than it can ever grant", () => {
  const { budget, ask } = rig(100);
  assert.throws(
    () => ask("huge", 101),
    (error) => error instanceof ServingError && error.code === CODE.RESOURCE_EXHAUSTED,
  );
  assert.equal(budget.waiting, 0);
});
