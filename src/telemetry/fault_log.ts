/**
 * The log of requests that failed through no fault of their clients: with the reason that these are not told, and with the ids by
 * which they ask for it.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import type { OnFault } from "../base/observed_request.ts";
import { idsOf } from "./ended_request.ts";

/** Writes a line to a log for each, unless the same was written often lately. */
export function faultLog(log: Log): OnFault {
  return (error, request) => {
    const fields = { path: request.path, error: error.detail, cause: error.cause && String(error.cause) };
    log.error("request failed", fields, idsOf(request));
  };
}
