/**
 * Counts requests and their times by model, version, method, interface and code. Counting costs a few additions; names and text are
 * made when the page is written.
 *
 * @module
 */
import type { MetricsPage } from "../base/metrics.ts";
import { RequestRecord } from "../base/request_record.ts";
import { RequestSampler } from "./request_sampler.ts";
import type { Code } from "../base/status.ts";
import type { ServableId } from "../core/servable.ts";
import { writeOvmsRequests } from "./compatibility/ovms_metric_names.ts";
import { writeTfsRequests } from "./compatibility/tfs_metric_names.ts";
import { RestTraffic } from "./rest_traffic.ts";
import {
  CODE_NAMES,
  grouped,
  type RequestFigures,
  type RequestKind,
  RequestSeries,
  type VersionSeries,
} from "./request_series.ts";

/** Ended versions that keep their series, so that their last figures can be scraped. */
const ENDED_VERSIONS_MAX = 16;

/** Models without a version that keep their figures. */
const RETIRED_MODELS_MAX = 256;

/** How requests are counted. */
export interface RequestMetricsOptions {
  /** Whether a model has that name. Clients may send any name, so other names share one series. */
  readonly isModel: (name: string) => boolean;
  /** Times every request: listeners need the times of each. default: false. */
  readonly timesAll?: boolean;
}

/** The series of one version while they are counted. */
interface OpenSeries extends VersionSeries {
  readonly byKind: Map<RequestKind, RequestSeries>;
}

/** Counts requests. */
export class RequestMetrics {
  /** Counts the bodies of REST requests. */
  readonly rest: RestTraffic = new RestTraffic();
  readonly #options: RequestMetricsOptions;
  readonly #sampler = new RequestSampler();
  readonly #byServable = new WeakMap<object, OpenSeries>();
  readonly #versions = new Map<string, OpenSeries>();
  /** Keys of ended versions, oldest first. */
  readonly #ended = new Set<string>();
  /** Sums over versions whose series were dropped, by model. */
  readonly #retired = new Map<string, OpenSeries>();

  constructor(options: RequestMetricsOptions) {
    this.#options = options;
  }

  /** Starts the record of a request whose message has arrived. */
  begin(): RequestRecord {
    return new RequestRecord(this.#options.timesAll === true || this.#sampler.take());
  }

  /** Counts an ended request. It has no record if it ended before its message was read. */
  count(kind: RequestKind, record: RequestRecord | undefined, code: Code): void {
    const series = this.#seriesOf(record);
    let ofKind = series.byKind.get(kind);
    if (ofKind === undefined) series.byKind.set(kind, ofKind = new RequestSeries());
    ofKind.count(record, code);
  }

  /** Marks a version as ended. The last 16 keep their series; the figures of older ones stay in their model's sums. */
  forget({ name, version }: ServableId): void {
    this.#ended.add(keyOf(name, String(version)));
    for (const key of this.#ended) {
      if (this.#ended.size <= ENDED_VERSIONS_MAX) return;
      this.#retire(key);
    }
  }

  /** Returns all counts, to be summed over threads. */
  figures(): RequestFigures {
    return { versions: [...this.#versions.values()], retired: [...this.#retired.values()] };
  }

  /** Writes the families of requests, under other servers' names too. `others` are the counts of other threads. */
  collect(page: MetricsPage, others: readonly RequestFigures[] = []): void {
    const figures = [this.figures(), ...others];
    const versions = figures.flatMap(({ versions }) => versions);
    const all = [...grouped(versions, ({ model, version }, { method, interface: by }) => {
      return { model, version, method, interface: by };
    })];
    const requests = page.family("ovserve_requests_total", {
      type: "counter",
      help: "Requests by the code they ended with. No model: its name is not known; no version: none could answer.",
    });
    for (const { labels, series } of all) {
      for (const [code, count] of series.codes.entries()) {
        if (count > 0) requests.add({ ...labels, code: CODE_NAMES[code] ?? "" }, count);
      }
    }
    const durations = page.family("ovserve_request_duration_seconds", {
      type: "histogram",
      help: "Time from when a request has been received to when its reply is ready to be sent.",
    });
    for (const { labels, series } of all) durations.addHistogram(labels, series.total, { scale: 1e-3 });
    const phases = page.family("ovserve_request_phase_duration_seconds", {
      type: "histogram",
      help: "Parts of the time of requests that were inferred: decode with all checks, queue, infer, encode.",
    });
    for (const { labels, series } of all) {
      for (const phase of ["decode", "queue", "infer", "encode"] as const) {
        phases.addHistogram({ ...labels, phase }, series[phase], { scale: 1e-3, every: 2 });
      }
    }
    this.rest.collect(page);
    writeTfsRequests(page, [...figures.flatMap(({ retired }) => retired), ...versions]);
    writeOvmsRequests(page, versions);
  }

  #seriesOf(record: RequestRecord | undefined): OpenSeries {
    const servable = record?.servable;
    if (servable === undefined) {
      const name = record?.modelName ?? "";
      return this.#version(name !== "" && this.#options.isModel(name) ? name : "", "");
    }
    let series = this.#byServable.get(servable);
    if (series === undefined) {
      series = this.#version(servable.name, String(servable.version));
      this.#byServable.set(servable, series);
      this.#ended.delete(keyOf(servable.name, series.version));
    }
    return series;
  }

  #version(model: string, version: string): OpenSeries {
    const key = keyOf(model, version);
    let series = this.#versions.get(key);
    if (series === undefined) this.#versions.set(key, series = { model, version, byKind: new Map() });
    return series;
  }

  #retire(key: string): void {
    this.#ended.delete(key);
    const series = this.#versions.get(key);
    if (series === undefined) return;
    this.#versions.delete(key);
    const { model } = series;
    const retired: OpenSeries = this.#retired.get(model) ?? { model, version: "", byKind: new Map() };
    for (const [kind, ofKind] of series.byKind) {
      const sum = retired.byKind.get(kind) ?? new RequestSeries();
      sum.add(ofKind);
      retired.byKind.set(kind, sum);
    }
    this.#retired.delete(model);
    this.#retired.set(model, retired);
    for (const oldest of this.#retired.keys()) {
      if (this.#retired.size <= RETIRED_MODELS_MAX) return;
      this.#retired.delete(oldest);
    }
  }
}

function keyOf(model: string, version: string): string {
  return `${version}/${model}`;
}
