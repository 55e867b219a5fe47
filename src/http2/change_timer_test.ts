import assert from "node:assert/strict";
import { Stillness } from "./change_timer.ts";

Deno.test("Stillness.of() counts from when the value was last seen to change", () => {
  const still = new Stillness();
  assert.equal(still.of(1, 1000), 0);
  assert.equal(still.of(1, 1500), 500);
  assert.equal(still.of(2, 2000), 0);
  assert.equal(still.of(2, 2001), 1);
});

Deno.test("Stillness.of() never counts NaN", () => {
  const still = new Stillness();
  assert.equal(still.of(NaN, 1000), 0);
  assert.equal(still.of(NaN, 2000), 0);
});
