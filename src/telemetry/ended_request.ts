/**
 * What is told of a request when it is over, whichever way it came: to the log of requests and to traces, for those who asked.
 *
 * @module
 */
import type { RequestRecord } from "../base/request_record.ts";
import type { Code } from "../base/status.ts";
import type { RequestKind } from "./request_series.ts";

/** What a client says of its request beside it. */
export interface IdentifiedRequest {
  /** As the client wrote it: `/tensorflow.serving.PredictionService/Predict`, `/v1/models/m:predict`. */
  readonly path: string;
  /** A header, or metadata, by its name in lower case. */
  header(name: string): string | undefined;
}

/** A request that is over. Valid until whoever is told of it returns. */
export interface EndedRequest extends IdentifiedRequest {
  readonly kind: RequestKind;
  readonly code: Code;
  /** Missing when it came to nothing before it was read. */
  readonly record: RequestRecord | undefined;
  /** Who asked: `127.0.0.1:51234`. */
  readonly peer: string;
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

/** The header, or metadata, in which a client names its request, and is told the name again. */
export const REQUEST_ID_HEADER = "x-request-id";

/** Ids are clients' texts, so only so much of them is written, and only what is no longer goes back. */
const ID_CHARACTERS_MAX = 128;

/** Ids that may stand in a header of the reply: visible ASCII. */
const ECHOED_ID_REGEXP = /^[!-~]{1,128}$/;

/** The ids of a request, for the log; both undefined where its client sent none. */
export function idsOf(
  request: IdentifiedRequest,
): { readonly requestId: string | undefined; readonly traceId: string | undefined } {
  return {
    requestId: request.header(REQUEST_ID_HEADER)?.slice(0, ID_CHARACTERS_MAX),
    traceId: traceParentOf(request)?.traceId,
  };
}

/** An id as it goes back to the client; undefined where there is none that may. */
export function echoedId(requestId: string | null | undefined): string | undefined {
  return requestId && ECHOED_ID_REGEXP.test(requestId) ? requestId : undefined;
}

/** Reads a request's `traceparent`; undefined where there is none, or none that is right. */
export function traceParentOf(request: IdentifiedRequest): TraceParent | undefined {
  const match = TRACEPARENT_REGEXP.exec(request.header("traceparent") ?? "");
  if (match === null) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = match;
  return { traceId, spanId, flags: parseInt(flags, 16) };
}
