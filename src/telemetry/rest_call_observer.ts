/**
 * Tells of each REST call that is over: to the counts always, to the log and to traces where they are wanted.
 *
 * @module
 */
import type { Code } from "../base/status.ts";
import type { OnEnded } from "./ended_request.ts";
import type { RequestMetrics } from "./request_metrics.ts";
import type { RequestKind } from "./request_series.ts";
import type { Call, CallObserver } from "../rest/call.ts";

/** What paths ask for, in the words of the gRPC API. */
const METHODS: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\/models\/.*:predict$|^\/invocations$/, "Predict"],
  [/^\/v1\/models\/.*:classify$/, "Classify"],
  [/^\/v1\/models\/.*:regress$/, "Regress"],
  [/^\/v1\/models\/.*\/metadata$/, "GetModelMetadata"],
  [/^\/v1\/(?:models|config)(?:\/(?!reload$).*)?$|^\/ping$/, "GetModelStatus"],
  [/^\/v1\/config\/reload$/, "HandleReloadConfigRequest"],
];

/** Makes a server's observer. */
export function callObserver(metrics: RequestMetrics, listeners: readonly OnEnded[]): CallObserver {
  const kinds = new Map<string, RequestKind>();
  const onEnd = (call: Call, { code, replyBytes }: { code: Code; replyBytes: number }) => {
    const { path, record, peer } = call;
    const method = METHODS.find(([regexp]) => regexp.test(path))?.[1] ?? "";
    const kind = kinds.get(method) ?? { method, interface: "REST" };
    kinds.set(method, kind);
    metrics.count(kind, record, code);
    metrics.rest.close({ receivedBytes: call.bodyBytes, sentBytes: replyBytes });
    const header = (name: string) => call.header(name);
    for (const listener of listeners) listener({ kind, path, code, record, peer, header });
  };
  return { onOpen: () => metrics.rest.open(), onBegin: () => metrics.begin(), onEnd };
}
