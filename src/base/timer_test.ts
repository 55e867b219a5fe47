import assert from "node:assert/strict";
import { ManualTimer } from "./testing/manual_timer.ts";
import { within } from "./timer.ts";

Deno.test("within() has the result of a promise that settles in time, and cancels its timer", async () => {
  const timer = new ManualTimer();
  assert.equal(await within(Promise.resolve(7), 100, { timer: timer.start }), 7);
  await assert.rejects(within(Promise.reject(new Error("broken")), 100, { timer: timer.start }), /broken/);
  assert.deepEqual(timer.delaysMs, []);
});

Deno.test("within() has nothing, or what onTimeout makes of it, once the time is up", async () => {
  const timer = new ManualTimer();
  const never = new Promise<number>(() => {});
  const fail = (): never => {
    throw new RangeError("late");
  };
  const waits = [
    within(never, 100, { timer: timer.start }),
    within(never, 200, { timer: timer.start, onTimeout: () => "late" }),
  ] as const;
  const failing = assert.rejects(within(never, 300, { timer: timer.start, onTimeout: fail }), RangeError);
  assert.deepEqual(timer.delaysMs, [100, 200, 300]);
  timer.fire();
  assert.deepEqual(await Promise.all(waits), [undefined, "late"]);
  await failing;
});
