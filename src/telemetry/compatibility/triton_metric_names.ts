/**
 * Metrics under Triton's names (docs/user_guide/metrics.md there), so that dashboards made for it keep working.
 *
 * @module
 */
import type { MetricsPage } from "../../base/metrics.ts";
import { CODE, type Code } from "../../base/status.ts";
import type { Duration, VersionStatistics } from "../../service/inference_statistics.ts";
import type { ModelFigures } from "../model_figures.ts";
import { inferencesBy, type VersionSeries } from "../request_series.ts";

/** Why a request failed, in Triton's words; any other code is `OTHER`. */
const REASON: Readonly<Partial<Record<Code, string>>> = {
  [CODE.CANCELLED]: "CANCELED",
  [CODE.UNAVAILABLE]: "REJECTED",
  [CODE.RESOURCE_EXHAUSTED]: "REJECTED",
  [CODE.INTERNAL]: "BACKEND",
};
const REASONS: readonly string[] = ["REJECTED", "CANCELED", "BACKEND", "OTHER"];

/** What is counted of available versions. */
export interface TritonFigures {
  readonly models: readonly ModelFigures[];
  readonly statistics: readonly VersionStatistics[];
  /** The requests of all threads. */
  readonly versions: readonly VersionSeries[];
}

/** Writes the families of available versions, which is what Triton has: counters end with their version. */
export function writeTritonMetrics(page: MetricsPage, { models, statistics, versions }: TritonFigures): void {
  const counter = (name: string, help: string, valueOf: (version: VersionStatistics) => number) => {
    const family = page.family(name, { type: "counter", help: `${help} (as in Triton).` });
    for (const version of statistics) family.add(labelsOf(version), valueOf(version));
  };
  counter("nv_inference_request_success", "Requests that succeeded", ({ success }) => success.count);
  writeFailures(page, statistics, versions);
  counter("nv_inference_count", "Requests that were inferred", ({ inferenceCount }) => inferenceCount);
  counter("nv_inference_exec_count", "Executions of a model", ({ executionCount }) => executionCount);
  const duration = (name: string, help: string, of: (version: VersionStatistics) => Duration) =>
    counter(`nv_inference_${name}_duration_us`, `Microseconds ${help}`, (version) => Math.round(of(version).ns / 1000));
  duration("request", "of requests that succeeded", ({ success }) => success);
  duration("queue", "that requests waited for inference", ({ queue }) => queue);
  duration("compute_input", "to decode and check requests", ({ input }) => input);
  duration("compute_infer", "of inference", ({ inference }) => inference);
  duration("compute_output", "to encode replies", ({ output }) => output);
  const pending = page.family("nv_inference_pending_request_count", {
    type: "gauge",
    help: "Requests that wait for inference (as in Triton).",
  });
  for (const { id, servable } of models) pending.add(labelsOf(id), servable.waiting);
}

function writeFailures(
  page: MetricsPage,
  statistics: readonly VersionStatistics[],
  versions: readonly VersionSeries[],
): void {
  const family = page.family("nv_inference_request_failure", {
    type: "counter",
    help: "Requests that failed (as in Triton).",
  });
  const groups = [...inferencesBy(versions, ({ model, version }) => ({ model, version }))];
  for (const id of statistics) {
    const labels = labelsOf(id);
    const codes = groups.find((group) => group.labels.model === labels.model && group.labels.version === labels.version)
      ?.series.codes;
    const counts = new Map(REASONS.map((reason) => [reason, 0]));
    for (const [code, count] of codes?.entries() ?? []) {
      const reason = REASON[code as Code] ?? "OTHER";
      if (code !== CODE.OK) counts.set(reason, (counts.get(reason) ?? 0) + count);
    }
    for (const [reason, count] of counts) family.add({ ...labels, reason }, count);
  }
}

function labelsOf({ name, version }: { readonly name: string; readonly version: number }): {
  readonly model: string;
  readonly version: string;
} {
  return { model: name, version: String(version) };
}
