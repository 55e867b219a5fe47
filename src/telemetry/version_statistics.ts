/**
 * The counts of requests as the statistics of versions: what Triton's statistics extension reports.
 *
 * @module
 */
import type { HistogramCounts } from "../base/metrics.ts";
import { CODE } from "../base/status.ts";
import type { Duration, VersionStatistics } from "../service/inference_statistics.ts";
import type { ModelFigures } from "./model_figures.ts";
import { inferencesBy, type RequestFigures, type RequestSeries } from "./request_series.ts";

const NS_PER_MS = 1e6;

/** Returns the statistics of the versions in `models`, from what all threads have counted. */
export function versionStatistics(
  models: readonly ModelFigures[],
  figures: readonly RequestFigures[],
): readonly VersionStatistics[] {
  const versions = figures.flatMap((counted) => counted.versions);
  const groups = [...inferencesBy(versions, ({ model, version }) => ({ model, version }))];
  return models.map(({ id: { name, version }, servable }) => {
    const series = groups.find(({ labels }) => labels.model === name && labels.version === String(version))?.series;
    const inferenceCount = series?.codes[CODE.OK] ?? 0;
    const { batchRows } = servable;
    return {
      name,
      version,
      lastInferenceMs: series?.lastEndedMs ?? 0,
      inferenceCount,
      executionCount: batchRows === undefined ? inferenceCount : countOf(batchRows),
      ...durationsOf(series),
      batches: [],
    };
  });
}

type Durations = Pick<VersionStatistics, "success" | "failure" | "queue" | "input" | "inference" | "output">;

/** Times are counted over all codes, so those of successes and failures are shares of the whole. */
function durationsOf(series: RequestSeries | undefined): Durations {
  if (series === undefined) {
    const none = { count: 0, ns: 0 };
    return { success: none, failure: none, queue: none, input: none, inference: none, output: none };
  }
  const successes = series.codes[CODE.OK] as number;
  const requests = series.codes.reduce((sum, count) => sum + count, 0);
  const totalNs = series.total.sum * NS_PER_MS;
  const shareOf = (count: number): Duration => ({ count, ns: requests === 0 ? 0 : totalNs * count / requests });
  return {
    success: shareOf(successes),
    failure: shareOf(requests - successes),
    queue: durationOf(series.queue),
    input: durationOf(series.decode),
    inference: durationOf(series.infer),
    output: durationOf(series.encode),
  };
}

function durationOf(histogram: HistogramCounts): Duration {
  return { count: countOf(histogram), ns: histogram.sum * NS_PER_MS };
}

function countOf({ counts }: HistogramCounts): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
