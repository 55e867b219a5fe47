/**
 * The log of requests: one line for each.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import { type EndedRequest, type OnEnded, traceParentOf } from "./ended_request.ts";
import { CODE_NAMES } from "./request_series.ts";

/** Ids are clients' texts, so only so much of them is written. */
const ID_CHARACTERS_MAX = 128;

/** Writes a line to a log for each request. */
export function accessLog(log: Log): OnEnded {
  return (request) => {
    const { kind, path, code, record, peer } = request;
    log.request({
      interface: kind.interface,
      path,
      code: CODE_NAMES[code],
      model: record?.servable?.name ?? (record?.modelName || undefined),
      version: record?.servable?.version,
      ms: record && rounded(performance.now() - record.startedMs),
      queueMs: record && rounded(record.queueMs),
      inferMs: record && rounded(record.inferMs),
      peer,
      requestId: request.header("x-request-id")?.slice(0, ID_CHARACTERS_MAX),
      traceId: traceIdOf(request),
    });
  };
}

function traceIdOf(request: EndedRequest): string | undefined {
  return traceParentOf(request)?.traceId;
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
