/**
 * What receives each ended request besides the counters.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import { accessLog } from "./access_log.ts";
import type { OnEnded } from "./ended_request.ts";
import { isTracing, requestTraces } from "./request_traces.ts";

/** Returns the access log if it is enabled, and traces if the environment enables them. */
export async function requestListeners(
  { logsRequests }: { readonly logsRequests: boolean },
  log: Log,
): Promise<readonly OnEnded[]> {
  return [
    ...(logsRequests ? [accessLog(log)] : []),
    ...(isTracing() ? [await requestTraces()] : []),
  ];
}
