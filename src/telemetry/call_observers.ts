/**
 * Observers of both transports: they count every call that is over, and pass it to the listeners, such as the log and traces.
 *
 * @module
 */
import type { ObservedRequest, RequestObserver } from "../base/observed_request.ts";
import type { RequestRecord } from "../base/request_record.ts";
import type { Code } from "../base/status.ts";
import type { OnEnded } from "./ended_request.ts";
import type { RequestMetrics } from "./request_metrics.ts";
import type { RequestKind } from "./request_series.ts";

/** A REST call as an observer sees it. */
export interface ObservedRestCall extends ObservedRequest {
  /** The name of the route that answered; empty if none did. */
  readonly routeName: string;
  /** The length of the body after decompression. */
  readonly bodyBytes: number;
}

/** Observes REST calls. */
export interface RestCallObserver {
  /** A call has arrived. */
  onOpen(): void;
  /** Called after {@link onOpen} and again when the body has arrived. */
  onBegin(): RequestRecord;
  /** A call is over. */
  onEnd(call: ObservedRestCall, end: { code: Code; replyBytes: number }): void;
}

/** Makes the observer of a gRPC server. */
export function grpcCallObserver(metrics: RequestMetrics, listeners: readonly OnEnded[]): RequestObserver {
  const kinds = new Map<string, RequestKind>();
  const onEnd = (call: ObservedRequest, code: Code) => {
    const { path } = call;
    let kind = kinds.get(path);
    if (kind === undefined) {
      // Only paths of methods arrive here, so the map is bounded.
      kind = { method: path.slice(path.lastIndexOf("/") + 1), interface: "gRPC" };
      kinds.set(path, kind);
    }
    metrics.count(kind, call.record, code);
    if (listeners.length > 0) notify(listeners, { call, kind, code });
  };
  return { onBegin: () => metrics.begin(), onEnd };
}

/** Makes the observer of a REST server. */
export function restCallObserver(metrics: RequestMetrics, listeners: readonly OnEnded[]): RestCallObserver {
  const kinds = new Map<string, RequestKind>();
  const onEnd = (call: ObservedRestCall, { code, replyBytes }: { code: Code; replyBytes: number }) => {
    const { routeName } = call;
    const kind = kinds.get(routeName) ?? { method: routeName, interface: "REST" };
    kinds.set(routeName, kind);
    metrics.count(kind, call.record, code);
    metrics.rest.close({ receivedBytes: call.bodyBytes, sentBytes: replyBytes });
    if (listeners.length > 0) notify(listeners, { call, kind, code });
  };
  return { onOpen: () => metrics.rest.open(), onBegin: () => metrics.begin(), onEnd };
}

function notify(
  listeners: readonly OnEnded[],
  { call, kind, code }: { call: ObservedRequest; kind: RequestKind; code: Code },
): void {
  const { path, record, peer } = call;
  const header = (name: string) => call.header(name);
  for (const listener of listeners) listener({ kind, path, code, record, peer, header });
}
