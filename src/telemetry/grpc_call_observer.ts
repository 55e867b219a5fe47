/**
 * Tells of each gRPC call that is over: to the counts always, to the log and to traces where they are wanted.
 *
 * @module
 */
import type { ObservedRequest, RequestObserver } from "../base/observed_request.ts";
import type { Code } from "../base/status.ts";
import type { OnEnded } from "./ended_request.ts";
import type { RequestMetrics } from "./request_metrics.ts";
import type { RequestKind } from "./request_series.ts";

/** Makes a server's observer. */
export function callObserver(metrics: RequestMetrics, listeners: readonly OnEnded[]): RequestObserver {
  const kinds = new Map<string, RequestKind>();
  const onEnd = (call: ObservedRequest, code: Code) => {
    const { path } = call;
    let kind = kinds.get(path);
    if (kind === undefined) {
      // Only paths of methods come here, so there are no more kinds than those.
      kind = { method: path.slice(path.lastIndexOf("/") + 1), interface: "gRPC" };
      kinds.set(path, kind);
    }
    metrics.count(kind, call.record, code);
    if (listeners.length > 0) tell(listeners, { call, kind, code });
  };
  return { onBegin: () => metrics.begin(), onEnd };
}

function tell(
  listeners: readonly OnEnded[],
  { call, kind, code }: { call: ObservedRequest; kind: RequestKind; code: Code },
): void {
  const { path, record, peer } = call;
  const header = (name: string) => call.header(name);
  for (const listener of listeners) listener({ kind, path, code, record, peer, header });
}
