/**
 * The access log: one line a request.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import { idsOf, type OnEnded } from "./ended_request.ts";
import { CODE_NAMES } from "./request_series.ts";

/** Logs each request that has ended. */
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
      ...idsOf(request),
    });
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
