/**
 * Metrics of models: states of versions, loads and unloads, infer requests in use, requests that wait.
 *
 * @module
 */
import type { Family, MetricsPage } from "../base/metrics.ts";
import type { Manager } from "../core/manager.ts";
import type { ServableId, ServableState } from "../core/servable.ts";
import type { ModelServable } from "../model/model_servable.ts";
import type { BatchCounts } from "../model/batching/batch_figures.ts";
import { writeOvmsModels } from "./compatibility/ovms_metric_names.ts";
import { TfsModelMetrics } from "./compatibility/tfs_metric_names.ts";
import { addUp, type ModelFigures, modelFigures, type ServableFigures } from "./model_figures.ts";

/** Models with figures; those of the model that changed longest ago are dropped first. */
const MODELS_MAX = 1024;

/** Figures of models on other threads. */
export interface ThreadModelFigures {
  readonly models: readonly ModelFigures[];
  readonly batches: readonly BatchCounts[];
}

/** How often something was done, and the total duration. */
interface Effort {
  readonly byOutcome: { ok: number; error: number };
  seconds: number;
}

/** Counts changes of versions, and reads the figures of available ones when the page is written. */
export class ModelMetrics {
  readonly #manager: Manager<ModelServable>;
  readonly #loads = new Map<string, Effort>();
  readonly #unloads = new Map<string, Effort>();
  readonly #tfs = new TfsModelMetrics();
  /** Versions that are being loaded or unloaded, and since when. */
  readonly #running = new Map<ServableId, { readonly work: "loading" | "unloading"; readonly sinceMs: number }>();

  constructor(manager: Manager<ModelServable>) {
    this.#manager = manager;
  }

  /** Records a change of state. */
  onStateChange(change: ServableState): void {
    const { id, state, error } = change;
    const nowMs = performance.now();
    const running = this.#running.get(id);
    this.#running.delete(id);
    if (state === "loading" || state === "unloading") {
      this.#running.set(id, { work: state, sinceMs: nowMs });
      // The series exists from here on: a counter must be seen at 0 before it rises.
      effortOf(state === "loading" ? this.#loads : this.#unloads, id.name);
    } else if (running !== undefined) {
      const effort = effortOf(running.work === "loading" ? this.#loads : this.#unloads, id.name);
      effort.byOutcome[error === undefined ? "ok" : "error"]++;
      effort.seconds += (nowMs - running.sinceMs) / 1000;
      if (running.work === "loading") this.#countForTfs(change, nowMs - running.sinceMs);
    }
    if (state === "end") this.#tfs.onEnd(id);
  }

  #countForTfs({ id, state, origin }: ServableState, ms: number): void {
    if (state !== "available") {
      if (origin !== undefined) this.#tfs.onLoadFailed(origin);
      return;
    }
    using handle = this.#manager.acquire(id);
    const { servable } = handle;
    this.#tfs.onAvailable(id, servable);
    if (origin !== undefined) this.#tfs.onLoaded(origin, { servable, ms });
  }

  /** Writes the families of models, under other servers' names too. `others` are the figures of other threads. */
  collect(page: MetricsPage, others: ThreadModelFigures = { models: [], batches: [] }): void {
    const states = this.#manager.names().flatMap((name) => this.#manager.states(name));
    const family = page.family("ovserve_version_state", {
      type: "gauge",
      help: "1 for the state each version is in: start, loading, available, unloading, end.",
    });
    for (const { id, state } of states) family.add({ model: id.name, version: id.version, state }, 1);
    writeEfforts(page, { name: "load", verb: "loaded", efforts: this.#loads });
    writeEfforts(page, { name: "unload", verb: "unloaded", efforts: this.#unloads });
    const servings = addUp(modelFigures(this.#manager), others.models);
    writeServables(page, servings);
    this.#tfs.collect(page, others.batches);
    writeOvmsModels(page, servings);
  }
}

function writeServables(page: MetricsPage, servings: readonly ModelFigures[]): void {
  const gauge = (name: string, { help, valueOf }: GaugeOptions) => {
    const family = page.family(name, { type: "gauge", help });
    for (const { id, servable } of servings) family.add({ model: id.name, version: id.version }, valueOf(servable));
  };
  gauge("ovserve_infer_requests", {
    help: "Inferences a version can run at once.",
    valueOf: ({ inferRequestCount }) => inferRequestCount,
  });
  gauge("ovserve_infer_requests_in_use", {
    help: "Inferences a version runs now.",
    valueOf: ({ inferRequestsInUse }) => inferRequestsInUse,
  });
  gauge("ovserve_waiting_requests", {
    help: "Requests that wait to be inferred; rows of them where requests share inferences.",
    valueOf: ({ waiting }) => waiting,
  });
  gauge("ovserve_shape_variants", {
    help: "Graphs of a version compiled for other shapes than their own, on request.",
    valueOf: ({ shapeVariants }) => shapeVariants,
  });
  const rows = page.family("ovserve_batch_rows", { type: "histogram", help: "Rows of each batch of requests." });
  for (const { id, servable: { batchRows } } of servings) {
    if (batchRows !== undefined) rows.addHistogram({ model: id.name, version: id.version }, batchRows);
  }
}

interface GaugeOptions {
  readonly help: string;
  readonly valueOf: (servable: ServableFigures) => number;
}

function effortOf(efforts: Map<string, Effort>, model: string): Effort {
  let effort = efforts.get(model);
  if (effort === undefined) effort = { byOutcome: { ok: 0, error: 0 }, seconds: 0 };
  efforts.delete(model);
  efforts.set(model, effort);
  for (const oldest of efforts.keys()) {
    if (efforts.size <= MODELS_MAX) break;
    efforts.delete(oldest);
  }
  return effort;
}

function writeEfforts(
  page: MetricsPage,
  { name, verb, efforts }: { name: string; verb: string; efforts: ReadonlyMap<string, Effort> },
): void {
  const counts: Family = page.family(`ovserve_${name}s_total`, {
    type: "counter",
    help: `Versions that were ${verb} or failed to be.`,
  });
  for (const [model, { byOutcome }] of efforts) {
    for (const [outcome, count] of Object.entries(byOutcome)) counts.add({ model, outcome }, count);
  }
  const times = page.family(`ovserve_${name}_duration_seconds`, { type: "summary", help: `Time of each.` });
  for (const [model, { byOutcome: { ok, error }, seconds }] of efforts) {
    times.addSummary({ model }, { count: ok + error, sum: seconds });
  }
}
