/**
 * What is told of a request when it is over, whichever way it came: to the log of requests and to traces, for those who asked.
 *
 * @module
 */
import type { RequestRecord } from "../base/request_record.ts";
import type { Code } from "../base/status.ts";
import type { RequestKind } from "./request_series.ts";

/** A request that is over. Valid until whoever is told of it returns. */
export interface EndedRequest {
  readonly kind: RequestKind;
  /** As the client wrote it: `/tensorflow.serving.PredictionService/Predict`, `/v1/models/m:predict`. */
  readonly path: string;
  readonly code: Code;
  /** Missing when it came to nothing before it was read. */
  readonly record: RequestRecord | undefined;
  /** Who asked: `127.0.0.1:51234`. */
  readonly peer: string;
  /** A header, or metadata, by its name in lower case. */
  header(name: string): string | undefined;
}

/** Hears of each request's end. Must not throw. */
export type OnEnded = (request: EndedRequest) => void;

/** Where in a trace a request belongs, as its client says (W3C Trace Context, `traceparent`). */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Bit 0: the client records its part. */
  readonly flags: number;
}

const TRACEPARENT_REGEXP = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** Reads a request's `traceparent`; undefined where there is none, or none that is right. */
export function traceParentOf(request: EndedRequest): TraceParent | undefined {
  const match = TRACEPARENT_REGEXP.exec(request.header("traceparent") ?? "");
  if (match === null) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = match;
  return { traceId, spanId, flags: parseInt(flags, 16) };
}
