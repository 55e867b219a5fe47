/**
 * What transports share about requests with the layers above: who sent one, how its client identifies it, what became of it, and what
 * may hold it back.
 *
 * @module
 */
import type { RequestRecord } from "./request_record.ts";
import type { Code, ServingError } from "./status.ts";

/** A request as its client identifies it. */
export interface IdentifiedRequest {
  /** As the client wrote it: `/tensorflow.serving.PredictionService/Predict`, `/v1/models/m:predict`. */
  readonly path: string;
  /** A header, or gRPC metadata, by its name in lower case. */
  header(name: string): string | undefined;
}

/** A request as an observer sees it. */
export interface ObservedRequest extends IdentifiedRequest {
  /** Undefined when the request ended before its message was read. */
  readonly record: RequestRecord | undefined;
  /** The client's address: `127.0.0.1:51234`. */
  readonly peer: string;
}

/** Observes a transport's requests. Must not throw. */
export interface RequestObserver {
  /** The message of a request has arrived. The returned record travels with the request. */
  onBegin(): RequestRecord;
  /** A request is over, with this code; the reply goes out next. */
  onEnd(request: ObservedRequest, code: Code): void;
}

/** Holds requests back until the server can handle them. */
export interface RequestGate {
  /** Check this before {@link wait}, which costs a promise. */
  readonly isOpen: boolean;
  /**
   * Resolves when the gate is open.
   *
   * @param bytes the size of the message that is kept meanwhile.
   * @throws {ServingError} if the request cannot wait, or no longer; the reason of the caller's signal when that is aborted.
   */
  wait(caller: { readonly signal: AbortSignal }, bytes: number): Promise<void>;
}

/** Called with each failure that clients see only as an internal error. Must not throw. */
export type OnFault = (error: ServingError, request: IdentifiedRequest) => void;

/** The header, or gRPC metadata, in which a client names its request. The reply repeats it. */
export const REQUEST_ID_HEADER = "x-request-id";

/** Ids that may stand in a header of the reply: visible ASCII, bounded. */
const ECHOED_ID_REGEXP = /^[!-~]{1,128}$/;

/** Returns an id as the reply repeats it; undefined if there is none or it must not be repeated. */
export function echoedId(requestId: string | null | undefined): string | undefined {
  return requestId && ECHOED_ID_REGEXP.test(requestId) ? requestId : undefined;
}
