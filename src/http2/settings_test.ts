import assert from "node:assert/strict";
import { testLimits } from "./testing/limits.ts";
import { encodeSettings } from "./settings.ts";
import { settingsFrame } from "./testing/test_peer.ts";

Deno.test("encodeSettings() encodes the limits that the peer must know", () => {
  const limits = testLimits({ streamsMax: 5, headerTableBytesMax: 100, headerListBytesMax: 70_000 });
  const expected = settingsFrame([1, 100], [3, 5], [4, 524_288], [5, 1_048_576], [6, 70_000]).subarray(9);
  assert.deepEqual(encodeSettings(limits), expected);
});
