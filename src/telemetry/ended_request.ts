/**
 * A request that has ended, over either transport, as the access log and traces receive it.
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

/** Called at the end of each request. Must not throw. */
export type OnEnded = (request: EndedRequest) => void;

/** The client's place in a trace (W3C Trace Context, `traceparent`). */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Bit 0: the client records its span. */
  readonly flags: number;
}

const TRACEPARENT_REGEXP = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** Ids are arbitrary text of clients, so the log takes only this much of them. */
const ID_CHARACTERS_MAX = 128;

/** Returns the ids of a request for the log; undefined if the client sent none. */
export function idsOf(
  request: IdentifiedRequest,
): { readonly requestId: string | undefined; readonly traceId: string | undefined } {
  return {
    requestId: request.header(REQUEST_ID_HEADER)?.slice(0, ID_CHARACTERS_MAX),
    traceId: traceParentOf(request)?.traceId,
  };
}

/** Parses a request's `traceparent`; undefined if it is missing or invalid. */
export function traceParentOf(request: IdentifiedRequest): TraceParent | undefined {
  const match = TRACEPARENT_REGEXP.exec(request.header("traceparent") ?? "");
  if (match === null) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = match;
  return { traceId, spanId, flags: parseInt(flags, 16) };
}
