/**
 * Traces: a span for each request and one for each phase, made from its record when it has ended. Needs Deno's exporter, which the
 * environment variable OTEL_DENO enables.
 *
 * @module
 */
import type { Span, SpanContext, Tracer } from "@opentelemetry/api";
import { CODE } from "../base/status.ts";
import type { RequestRecord } from "../base/request_record.ts";
import { type EndedRequest, idsOf, type OnEnded, traceParentOf } from "./ended_request.ts";
import { CODE_NAMES } from "./request_series.ts";

type OpenTelemetry = typeof import("@opentelemetry/api");

/** Whether traces are enabled, by Deno's reading of its variable. */
export function isTracing(): boolean {
  return ["true", "1"].includes(Deno.env.get("OTEL_DENO") ?? "");
}

/** Returns the listener that sends spans. Loads the library on demand, so that it costs nothing while traces are off. */
export async function requestTraces(): Promise<OnEnded> {
  const api = await import("@opentelemetry/api");
  const tracer = api.trace.getTracer("ovserve");
  return (request) => writeSpans(request, { api, tracer });
}

function writeSpans(request: EndedRequest, { api, tracer }: { api: OpenTelemetry; tracer: Tracer }): void {
  const { kind, code, record, path } = request;
  if (record === undefined) return;
  const endedMs = performance.now();
  // Deno's server makes a span for each HTTP request, which already continues the client's trace.
  const outer = api.trace.getActiveSpan()?.spanContext();
  const parent = outer ?? parentOf(request);
  const context = parent === undefined ? api.ROOT_CONTEXT : api.trace.setSpanContext(api.ROOT_CONTEXT, parent);
  const span = tracer.startSpan(
    kind.interface === "gRPC" ? path.slice(1) : kind.method || path,
    {
      kind: outer === undefined ? api.SpanKind.SERVER : api.SpanKind.INTERNAL,
      startTime: epochMs(record.startedMs),
      attributes: attributesOf(request),
    },
    context,
  );
  if (code !== CODE.OK) span.setStatus({ code: api.SpanStatusCode.ERROR, message: CODE_NAMES[code] ?? "" });
  const within = api.trace.setSpan(context, span);
  for (const [name, fromMs, toMs] of phasesOf(record, endedMs)) {
    const phase: Span = tracer.startSpan(name, { startTime: epochMs(fromMs) }, within);
    phase.end(epochMs(toMs));
  }
  span.end(epochMs(endedMs));
}

function parentOf(request: EndedRequest): SpanContext | undefined {
  const parent = traceParentOf(request);
  return parent && { traceId: parent.traceId, spanId: parent.spanId, traceFlags: parent.flags, isRemote: true };
}

function attributesOf(request: EndedRequest): Record<string, string | number> {
  const { kind, code, record, peer, path } = request;
  const { requestId } = idsOf(request);
  const attributes: Record<string, string | number> = {
    "ovserve.code": CODE_NAMES[code] ?? "",
    "client.address": peer,
    ...(requestId !== undefined && { "ovserve.request_id": requestId }),
  };
  if (kind.interface === "gRPC") {
    const [, service = "", method = ""] = path.split("/");
    Object.assign(attributes, { "rpc.system": "grpc", "rpc.service": service, "rpc.method": method });
    attributes["rpc.grpc.status_code"] = code;
  } else {
    attributes["url.path"] = path;
  }
  if (record?.servable !== undefined) {
    attributes["ovserve.model"] = record.servable.name;
    attributes["ovserve.version"] = record.servable.version;
  }
  return attributes;
}

/** Returns the phases of a request with start and end. Over several inferences, queue and infer are sums. */
function phasesOf(record: RequestRecord, endedMs: number): (readonly [string, number, number])[] {
  const { startedMs, firstEnqueuedMs, queueMs, inferMs, inferredMs } = record;
  if (inferredMs === 0) return [["decode", startedMs, firstEnqueuedMs || endedMs]];
  return [
    ["decode", startedMs, firstEnqueuedMs],
    ["queue", firstEnqueuedMs, firstEnqueuedMs + queueMs],
    ["infer", inferredMs - inferMs, inferredMs],
    ["encode", inferredMs, endedMs],
  ];
}

function epochMs(momentMs: number): number {
  return performance.timeOrigin + momentMs;
}
