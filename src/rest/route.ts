/**
 * What an API registers with the REST server: its routes, and how it words errors.
 *
 * @module
 */
import type { ServingError } from "../base/status.ts";
import type { Call } from "./call.ts";
import type { HttpError, Reply } from "./http_reply.ts";

/**
 * Answers one call. Failures are thrown.
 *
 * @param body owned by the handler; empty unless the route reads bodies.
 */
export type Handler = (body: Uint8Array) => Reply | Promise<Reply>;

/** One kind of request. */
export interface Route {
  /** `GET` answers HEAD too. */
  readonly method: "GET" | "POST";
  /** The request's name in metrics and traces, in gRPC's words: `Predict`. */
  readonly name: string;
  /** Whether the request waits until the server's gate is open: it needs what the server is still starting. */
  readonly waitsForGate?: boolean;
  /** Whether the request changes the configuration, which not every client may (`--config_api`). */
  readonly changesConfiguration?: boolean;
  /** Whether the body is read before the handler runs; otherwise it is ignored. */
  readonly readsBody?: boolean;
  /** Whether the handler may take longer than a call's deadline. */
  readonly hasNoDeadline?: boolean;
  /**
   * Returns the handler of a call, or undefined if the path belongs to another route. May throw to refuse a call before its body
   * is read.
   */
  match(call: Call): Handler | undefined;
}

/** The routes of one API. */
export interface RouteSet {
  /** Whether a path belongs to the API, even if no route matches it. The first API that owns a path answers. */
  owns(path: string): boolean;
  /** Tried in this order. */
  readonly routes: readonly Route[];
  /** Answers a call that matches no route. Left out, the reply is 404 "Not Found". */
  unmatched?(call: Call): Reply;
  /** Words an error. Left out, the reply is `{"error": "…"}`. */
  errorReply?(error: ServingError | HttpError): Reply;
}

/**
 * A path that is answered beside the APIs, on a port of its own and on that of the APIs: from the first moment on, without limits,
 * and not counted as a request.
 */
export interface Probe {
  /** Returns the reply to GET, or undefined for any other path. */
  replyTo(path: string): Reply | Promise<Reply> | undefined;
}
