import assert from "node:assert/strict";
import { outcomeOf } from "./h2load.ts";

/** The summary of h2load 1.52 for 100 calls. */
function summary(dataBytes: number): string {
  return [
    "finished in 12.61ms, 7932.73 req/s, 1.12MB/s",
    "requests: 100 total, 100 started, 100 done, 100 succeeded, 0 failed, 0 errored, 0 timeout",
    "status codes: 100 2xx, 0 3xx, 0 4xx, 0 5xx",
    `traffic: 14.40KB (14744) total, 12.01KB (12300) headers (space savings 8.89%), 5.8KB (${dataBytes}) data`,
  ].join("\n");
}

const TIMES = "1795982213030557\t200\t748\n1795982213030558\t-1\t751\n";

Deno.test("outcomeOf() counts calls without DATA as failed, though their status is 200", () => {
  const amount = { calls: 100 };
  assert.equal(outcomeOf(summary(5900), TIMES, { amount, replyBytes: 59 }).failed, 0);
  assert.equal(outcomeOf(summary(5841), TIMES, { amount, replyBytes: 59 }).failed, 1);
  assert.equal(outcomeOf(summary(0), TIMES, { amount, replyBytes: 59 }).failed, 100);
});

Deno.test("outcomeOf() counts calls that were never made as failed if their number was fixed", () => {
  assert.equal(outcomeOf(summary(5900), TIMES, { amount: { calls: 120 }, replyBytes: 59 }).failed, 20);
  assert.equal(outcomeOf(summary(5900), TIMES, { amount: { seconds: 2 }, replyBytes: 59 }).failed, 0);
});

Deno.test("outcomeOf() reads the rate, and start and end of each answered call", () => {
  const { calls, callsPerSecond } = outcomeOf(summary(5900), TIMES, { amount: { calls: 100 }, replyBytes: 59 });
  assert.equal(callsPerSecond, 7932.73);
  assert.deepEqual(calls, [{ startUs: 1795982213030557, endUs: 1795982213031305 }]);
});

Deno.test("outcomeOf() counts all calls as failed when h2load prints nothing", () => {
  assert.equal(outcomeOf("", "", { amount: { calls: 7 }, replyBytes: 59 }).failed, 7);
});
