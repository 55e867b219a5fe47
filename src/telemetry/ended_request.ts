/**
 * What is told of a request when it is over, whichever way it came: to the log of requests and to traces, for those who asked.
 *
 * @module
 */
import { type IdentifiedRequest, type ObservedRequest, REQUEST_ID_HEADER } from "../base/observed_request.ts";
import type { Code } from "../base/status.ts";
import type { RequestKind } from "./request_series.ts";

/** A request that is over. Valid until the listener returns. */
export interface EndedRequest extends ObservedRequest {
  readonly kind: RequestKind;
  readonly code: Code;
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

/** Ids are clients' texts, so only so much of them is logged. */
const ID_CHARACTERS_MAX = 128;

/** The ids of a request, for the log; both undefined where its client sent none. */
export function idsOf(
  request: IdentifiedRequest,
): { readonly requestId: string | undefined; readonly traceId: string | undefined } {
  return {
    requestId: request.header(REQUEST_ID_HEADER)?.slice(0, ID_CHARACTERS_MAX),
    traceId: traceParentOf(request)?.traceId,
  };
}

/** Reads a request's `traceparent`; undefined where there is none, or none that is right. */
export function traceParentOf(request: IdentifiedRequest): TraceParent | undefined {
  const match = TRACEPARENT_REGEXP.exec(request.header("traceparent") ?? "");
  if (match === null) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = match;
  return { traceId, spanId, flags: parseInt(flags, 16) };
}
