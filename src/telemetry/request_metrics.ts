/**
 * Counts requests and where their time goes: by model, version, method, interface and code. Counting costs a few additions; names
 * and texts are made when somebody looks.
 *
 * @module
 */
import type { MetricsPage } from "../base/metrics.ts";
import { RequestRecord } from "../base/request_record.ts";
import { RequestSampler } from "./request_sampler.ts";
import type { Code } from "../base/status.ts";
import type { ServableId } from "../core/servable.ts";
import { type RequestFigures, writeRequestAliases } from "./compatibility/request_metric_names.ts";
import { RestTraffic } from "./rest_traffic.ts";
import { CODE_NAMES, grouped, type RequestKind, RequestSeries, type VersionSeries } from "./request_series.ts";

/** Versions that have ended and are still told one by one: their last figures have to be fetched once. */
const ENDED_VERSIONS_MAX = 16;

/** Models of which nothing is left but figures. */
const RETIRED_MODELS_MAX = 256;

/** How requests are counted. */
export interface RequestMetricsOptions {
  /** Whether there is a model of that name: any name may be asked for, so not all are counted apart. */
  readonly isModel: (name: string) => boolean;
  /** Times every request, however many there are, for somebody who wants to know of each. */
  readonly timesAll?: boolean;
}

/** The series of one version, as they are counted. */
interface OpenSeries extends VersionSeries {
  readonly byKind: Map<RequestKind, RequestSeries>;
}

/** Counts requests. */
export class RequestMetrics {
  /** Counts what REST requests carry. */
  readonly rest: RestTraffic = new RestTraffic();
  readonly #options: RequestMetricsOptions;
  readonly #sampler = new RequestSampler();
  readonly #byServable = new WeakMap<object, OpenSeries>();
  readonly #versions = new Map<string, OpenSeries>();
  /** Keys of versions that have ended, oldest first. */
  readonly #ended = new Set<string>();
  /** What versions had counted that are told no more, by model. */
  readonly #retired = new Map<string, OpenSeries>();

  constructor(options: RequestMetricsOptions) {
    this.#options = options;
  }

  /** Begins to count a request: its message is there. */
  begin(): RequestRecord {
    return new RequestRecord(this.#options.timesAll === true || this.#sampler.take());
  }

  /** Counts a request that is over. A record is missing when the request came to nothing before it was read. */
  count(kind: RequestKind, record: RequestRecord | undefined, code: Code): void {
    const series = this.#seriesOf(record);
    let ofKind = series.byKind.get(kind);
    if (ofKind === undefined) series.byKind.set(kind, ofKind = new RequestSeries());
    ofKind.count(record, code);
  }

  /** Lets go of a version that has ended, soon: it is told for a while yet, and its figures stay in those of its model. */
  forget({ name, version }: ServableId): void {
    this.#ended.add(keyOf(name, String(version)));
    for (const key of this.#ended) {
      if (this.#ended.size <= ENDED_VERSIONS_MAX) return;
      this.#retire(key);
    }
  }

  /** All that was counted, to be added to what others count. */
  figures(): RequestFigures {
    return { versions: [...this.#versions.values()], retired: [...this.#retired.values()] };
  }

  /** Writes the families of requests, and their names in other servers, with what others have counted. */
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
    writeRequestAliases(page, { versions, retired: figures.flatMap(({ retired }) => retired) });
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
