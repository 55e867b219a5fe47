import assert from "node:assert/strict";
import { TokenBucket } from "./token_bucket.ts";

Deno.test("TokenBucket.spend() is true while tokens are left", () => {
  const bucket = new TokenBucket({ max: 3, perSecond: 10 });
  assert.deepEqual([1, 2, 3, 4].map(() => bucket.spend()), [true, true, true, false]);
});

Deno.test("TokenBucket.elapse() and earn() give tokens back, up to the initial number", () => {
  const bucket = new TokenBucket({ max: 3, perSecond: 10 });
  for (let i = 0; i < 3; i++) bucket.spend();
  bucket.elapse(200);
  assert.deepEqual([1, 2, 3].map(() => bucket.spend()), [true, true, false]);
  bucket.earn(100);
  assert.deepEqual([1, 2, 3, 4].map(() => bucket.spend()), [true, true, true, false]);
});
