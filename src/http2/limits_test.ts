import assert from "node:assert/strict";
import { HTTP2_LIMITS, http2Limits } from "./limits.ts";

Deno.test("http2Limits() replaces what it is given and keeps the other defaults", () => {
  assert.deepEqual(http2Limits({ streamsMax: 7 }), { ...HTTP2_LIMITS, streamsMax: 7 });
});

Deno.test("http2Limits() refuses windows and frame sizes that RFC 9113 does not know", () => {
  for (
    const wrong of [
      { frameBytesMax: 16_383 },
      { frameBytesMax: 2 ** 24 },
      { streamWindowBytes: 65_534 },
      { connectionWindowBytes: 2 ** 31 },
      { streamWindowBytes: 70_000.5 },
    ]
  ) assert.throws(() => http2Limits(wrong), /expected .* to .*This is a bug/);
});
