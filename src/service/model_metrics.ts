/**
 * What can be told of models: the states of their versions, what loading and unloading took, what is in use and what waits.
 *
 * @module
 */
import { type Family, Histogram, type HistogramCounts, type MetricsPage } from "../base/metrics.ts";
import type { Manager } from "../core/manager.ts";
import type { ServableId, ServableState } from "../core/servable.ts";
import type { ModelServable } from "../model/model_servable.ts";

/** Models that are told of; figures of those not heard of for the longest time are dropped. */
const MODELS_MAX = 1024;

/** What a servable tells of itself. */
export type ServableFigures =
  & Pick<ModelServable, "inferRequestCount" | "inferRequestsInUse" | "waiting">
  & { readonly batchRows: HistogramCounts | undefined };

/** What the servable of a version tells of itself on another thread. */
export interface ModelFigures {
  readonly id: ServableId;
  readonly servable: ServableFigures;
}

/** What all available servables of a manager tell of themselves. */
export function modelFigures(manager: Manager<ModelServable>): ModelFigures[] {
  const states = manager.names().flatMap((name) => manager.states(name));
  return states.filter(({ state }) => state === "available").map(({ id }) => {
    using handle = manager.acquire(id);
    const { inferRequestCount, inferRequestsInUse, waiting, batchRows } = handle.servable;
    const { bounds, counts, sum } = batchRows ?? {};
    return {
      id,
      servable: {
        inferRequestCount,
        inferRequestsInUse,
        waiting,
        batchRows: bounds && counts && sum !== undefined ? { bounds, counts, sum } : undefined,
      },
    };
  });
}

/** How often something was done and how long it took in all. */
interface Effort {
  readonly byOutcome: { ok: number; error: number };
  seconds: number;
}

/** Counts what happens to versions, and looks at those that serve when it is asked. */
export class ModelMetrics {
  readonly #manager: Manager<ModelServable>;
  readonly #loads = new Map<string, Effort>();
  readonly #unloads = new Map<string, Effort>();
  /** Since when a version is being loaded or unloaded. */
  readonly #under = new Map<ServableId, { readonly work: "loading" | "unloading"; readonly sinceMs: number }>();

  constructor(manager: Manager<ModelServable>) {
    this.#manager = manager;
  }

  /** Takes in a change of state. */
  onStateChange({ id, state, error }: ServableState): void {
    const nowMs = performance.now();
    const under = this.#under.get(id);
    this.#under.delete(id);
    if (state === "loading" || state === "unloading") {
      this.#under.set(id, { work: state, sinceMs: nowMs });
    } else if (under !== undefined) {
      const effort = effortOf(under.work === "loading" ? this.#loads : this.#unloads, id.name);
      effort.byOutcome[error === undefined ? "ok" : "error"]++;
      effort.seconds += (nowMs - under.sinceMs) / 1000;
    }
  }

  /** Writes the families of models, and their names in model_server, with what the same versions tell on other threads. */
  collect(page: MetricsPage, others: readonly ModelFigures[] = []): void {
    const states = this.#manager.names().flatMap((name) => this.#manager.states(name));
    const family = page.family("ovserve_version_state", {
      type: "gauge",
      help: "1 for the state each version is in: start, loading, available, unloading, end.",
    });
    for (const { id, state } of states) family.add({ model: id.name, version: id.version, state }, 1);
    writeEfforts(page, { name: "load", verb: "loaded", efforts: this.#loads });
    writeEfforts(page, { name: "unload", verb: "unloaded", efforts: this.#unloads });
    collectServables(page, modelFigures(this.#manager).map((figures) => addUp(figures, others)));
  }
}

function collectServables(page: MetricsPage, servables: readonly ModelFigures[]): void {
  const gauge = (name: string, { help, valueOf, label }: GaugeOptions) => {
    const family = page.family(name, { type: "gauge", help });
    for (const { id, servable } of servables) {
      family.add({ [label]: id.name, version: id.version }, valueOf(servable));
    }
  };
  gauge("ovserve_infer_requests", {
    help: "Inferences a version can run at once.",
    valueOf: ({ inferRequestCount }) => inferRequestCount,
    label: "model",
  });
  gauge("ovserve_infer_requests_in_use", {
    help: "Inferences a version runs just now.",
    valueOf: ({ inferRequestsInUse }) => inferRequestsInUse,
    label: "model",
  });
  gauge("ovserve_waiting_requests", {
    help: "Requests that wait to be inferred; rows of them where requests share inferences.",
    valueOf: ({ waiting }) => waiting,
    label: "model",
  });
  const rows = page.family("ovserve_batch_rows", { type: "histogram", help: "Rows of each batch of requests." });
  for (const { id, servable: { batchRows } } of servables) {
    if (batchRows !== undefined) rows.addHistogram({ model: id.name, version: id.version }, batchRows);
  }
  gauge("ovms_infer_req_queue_size", {
    help: "Infer requests of a version, as model_server tells them.",
    valueOf: ({ inferRequestCount }) => inferRequestCount,
    label: "name",
  });
  gauge("ovms_infer_req_active", {
    help: "Infer requests in use, as model_server tells them.",
    valueOf: ({ inferRequestsInUse }) => inferRequestsInUse,
    label: "name",
  });
  gauge("ovms_current_requests", {
    help: "Requests that are inferred or wait for it, as model_server tells them.",
    valueOf: ({ inferRequestsInUse, waiting }) => inferRequestsInUse + waiting,
    label: "name",
  });
}

/** A version's figures with those of the same version elsewhere. */
function addUp({ id, servable }: ModelFigures, others: readonly ModelFigures[]): ModelFigures {
  const same = others.filter((other) => other.id.name === id.name && other.id.version === id.version);
  const all = [servable, ...same.map((other) => other.servable)];
  const sum = (figure: "inferRequestCount" | "inferRequestsInUse" | "waiting") =>
    all.reduce((total, one) => total + one[figure], 0);
  let batchRows: Histogram | undefined;
  for (const one of all) {
    if (one.batchRows === undefined) continue;
    batchRows ??= new Histogram(one.batchRows.bounds);
    batchRows.add(one.batchRows);
  }
  const [inferRequestCount, inferRequestsInUse, waiting] = [
    sum("inferRequestCount"),
    sum("inferRequestsInUse"),
    sum("waiting"),
  ];
  return { id, servable: { inferRequestCount, inferRequestsInUse, waiting, batchRows } };
}

interface GaugeOptions {
  readonly help: string;
  readonly valueOf: (servable: ServableFigures) => number;
  /** What the label with the model's name is called. */
  readonly label: "model" | "name";
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
    help: `Versions that were ${verb} or could not be.`,
  });
  for (const [model, { byOutcome }] of efforts) {
    for (const [outcome, count] of Object.entries(byOutcome)) counts.add({ model, outcome }, count);
  }
  const times = page.family(`ovserve_${name}_duration_seconds`, { type: "summary", help: `Time it took.` });
  for (const [model, { byOutcome: { ok, error }, seconds }] of efforts) {
    times.addSummary({ model }, { count: ok + error, sum: seconds });
  }
}
