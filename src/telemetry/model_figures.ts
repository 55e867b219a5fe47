/**
 * Current figures of servables, as plain data that can be sent to another thread, and their sums over threads.
 *
 * @module
 */
import { Histogram, type HistogramCounts } from "../base/metrics.ts";
import type { Manager } from "../core/manager.ts";
import type { ServableId } from "../core/servable.ts";
import type { ModelServable } from "../model/model_servable.ts";

/** Figures that are summed when several threads serve a version. */
const SUMMED = ["inferRequestCount", "inferRequestsInUse", "requestsInUse", "waiting", "shapeVariants"] as const;

/** The figures of one servable. */
export type ServableFigures =
  & Pick<ModelServable, (typeof SUMMED)[number] | "inferRequestsOptimal">
  & { readonly batchRows: HistogramCounts | undefined };

/** The figures of an available version. */
export interface ModelFigures {
  readonly id: ServableId;
  readonly servable: ServableFigures;
}

/** Returns the figures of all available versions of a manager. */
export function modelFigures(manager: Manager<ModelServable>): ModelFigures[] {
  const states = manager.names().flatMap((name) => manager.states(name));
  return states.filter(({ state }) => state === "available").map(({ id }) => {
    using handle = manager.acquire(id);
    return { id, servable: figuresOf(handle.servable) };
  });
}

function figuresOf(servable: ModelServable): ServableFigures {
  const { inferRequestCount, inferRequestsInUse, requestsInUse, waiting, shapeVariants, inferRequestsOptimal } =
    servable;
  const batchRows = servable.batchFigures?.batchRows;
  return {
    inferRequestCount,
    inferRequestsInUse,
    requestsInUse,
    waiting,
    shapeVariants,
    inferRequestsOptimal,
    batchRows,
  };
}

/** Adds the figures of the same versions on other threads. */
export function addUp(own: readonly ModelFigures[], others: readonly ModelFigures[]): ModelFigures[] {
  return own.map(({ id, servable }) => {
    const same = others.filter((other) => other.id.name === id.name && other.id.version === id.version);
    return { id, servable: same.reduce((sum, other) => sumOf(sum, other.servable), servable) };
  });
}

function sumOf(one: ServableFigures, other: ServableFigures): ServableFigures {
  const sums = Object.fromEntries(SUMMED.map((figure) => [figure, one[figure] + other[figure]]));
  return { ...one, ...sums, batchRows: histogramOf([one.batchRows, other.batchRows]) };
}

function histogramOf(parts: readonly (HistogramCounts | undefined)[]): Histogram | undefined {
  let sum: Histogram | undefined;
  for (const part of parts) {
    if (part === undefined) continue;
    sum ??= new Histogram(part.bounds);
    sum.add(part);
  }
  return sum;
}
