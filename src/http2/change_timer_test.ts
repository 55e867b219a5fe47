import assert from "node:assert/strict";
import { ChangeTimer } from "./change_timer.ts";

Deno.test("ChangeTimer.of() counts from the last change it saw", () => {
  const timer = new ChangeTimer();
  assert.equal(timer.of(1, 1000), 0);
  assert.equal(timer.of(1, 1500), 500);
  assert.equal(timer.of(2, 2000), 0);
  assert.equal(timer.of(2, 2001), 1);
});

Deno.test("ChangeTimer.of() is 0 for NaN", () => {
  const timer = new ChangeTimer();
  assert.equal(timer.of(NaN, 1000), 0);
  assert.equal(timer.of(NaN, 2000), 0);
});
