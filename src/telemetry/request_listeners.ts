/**
 * Who hears of each request's end besides those who count.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import { accessLog } from "./access_log.ts";
import type { OnEnded } from "./ended_request.ts";
import { isTracing, requestTraces } from "./request_traces.ts";

/** The log of requests where it is wanted, and traces where the environment says so. */
export async function requestListeners(
  { logsRequests }: { readonly logsRequests: boolean },
  log: Log,
): Promise<readonly OnEnded[]> {
  return [
    ...(logsRequests ? [accessLog(log)] : []),
    ...(isTracing() ? [await requestTraces()] : []),
  ];
}
