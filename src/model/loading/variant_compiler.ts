/**
 * Compiles graphs of a loaded SavedModel for other shapes, from its files.
 *
 * @module
 */
import type { PartialShape } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { CompiledModel, Engine } from "../../engine/engine.ts";
import type { PlannedGraph } from "../saved_model/plan.ts";
import type { VariantShapes } from "../shape_variants.ts";
import { readGraph, readPlan, stampOf } from "./saved_model_files.ts";

/** Where a servable's graphs come from, in a form that can be sent to another thread. */
export interface VariantSource {
  /** The version's folder, which must not have changed since it was loaded. */
  readonly path: string;
  /** What {@link stampOf} said of it then. */
  readonly stamp: string;
  readonly tags: readonly string[];
  readonly device: string;
  readonly properties: ReadonlyMap<string, string>;
  /** By the servable's graph: its index in the plan, the port of each planned input, and the shapes of the ports. */
  readonly graphs: readonly {
    readonly index: number;
    readonly inputPorts: readonly (number | undefined)[];
    readonly shapes: readonly PartialShape[];
  }[];
}

/**
 * Makes the function that compiles.
 *
 * @param engine of the thread that calls it.
 * @returns a function that throws a {@link ServingError} FAILED_PRECONDITION when the files have changed, and what the engine says of
 * the shapes.
 */
export function variantCompiler(
  engine: Engine,
  source: VariantSource,
): (graph: number, shapes: VariantShapes) => Promise<CompiledModel> {
  const { path, stamp, tags, device, properties, graphs } = source;
  return async (graph, shapes) => {
    if (await stampOf(path) !== stamp) {
      throw new ServingError(CODE.FAILED_PRECONDITION, "The files of the version have changed since it was loaded");
    }
    const { index, inputPorts, shapes: ownShapes } = graphs[graph] as VariantSource["graphs"][number];
    const planned = (await readPlan(path, tags)).graphs[index] as PlannedGraph;
    const byInput = inputPorts.map((port) => port === undefined ? undefined : shapes[port] ?? ownShapes[port]);
    using model = await readGraph(engine, planned, { path, shapes: byInput });
    return await model.compile({ device, properties });
  };
}
