/**
 * The log of requests that failed through a fault of the server: with the reason, which clients do not see, and the ids by which they
 * can ask about it.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import type { OnFault } from "../base/observed_request.ts";
import { idsOf } from "./ended_request.ts";

/** Logs each such request, unless the same line was logged often lately. */
export function faultLog(log: Log): OnFault {
  return (error, request) => {
    const fields = { path: request.path, error: error.detail, cause: error.cause && String(error.cause) };
    log.error("request failed", fields, idsOf(request));
  };
}
