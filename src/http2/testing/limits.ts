/**
 * The limits of connections in tests.
 *
 * @module
 */
import { type Http2Limits, http2Limits } from "../limits.ts";

/** Returns limits like those of a server without flags, some of them replaced. */
export function testLimits(replaced: Partial<Http2Limits> = {}): Http2Limits {
  const configured = { streamsMax: 1000, idleTimeoutMs: 0, keepaliveIntervalMs: 60_000, keepaliveTimeoutMs: 20_000 };
  return http2Limits(configured, replaced);
}
