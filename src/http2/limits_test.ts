import assert from "node:assert/strict";
import { http2Limits } from "./limits.ts";
import { testLimits } from "./testing/limits.ts";

const CONFIGURED = { streamsMax: 7, idleTimeoutMs: 1, keepaliveIntervalMs: 2, keepaliveTimeoutMs: 3 };

Deno.test("http2Limits() uses configured and replaced values", () => {
  assert.deepEqual(http2Limits(CONFIGURED, { settingsMax: 5 }), { ...testLimits(), ...CONFIGURED, settingsMax: 5 });
});

Deno.test("http2Limits() refuses windows and frame sizes that RFC 9113 does not allow", () => {
  for (
    const wrong of [
      { frameBytesMax: 16_383 },
      { frameBytesMax: 2 ** 24 },
      { streamWindowBytes: 65_534 },
      { connectionWindowBytes: 2 ** 31 },
      { streamWindowBytes: 70_000.5 },
    ]
  ) assert.throws(() => http2Limits(CONFIGURED, wrong), /expected .* to .*This is a bug/);
});
