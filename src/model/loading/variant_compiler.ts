/**
 * Compiles graphs of a loaded SavedModel or TensorFlow Lite file for other shapes, from its files.
 *
 * @module
 */
import { dirname } from "node:path";
import { formatPartialShape, type PartialShape } from "../../base/signature.ts";
import { CODE, detailOf, ServingError } from "../../base/status.ts";
import type { CompiledModel, Engine, Model } from "../../engine/engine.ts";
import type { PlannedGraph } from "../saved_model/plan.ts";
import type { VariantShapes } from "../shape_variants.ts";
import { readGraph, readPlan, stampOf } from "./saved_model_files.ts";

/** Where a servable's graphs come from, in a form that can be sent to another thread. */
export type VariantSource = SavedModelSource | FileSource;

/** A model that is one file, which the runtime reads as it is. */
export interface FileSource {
  readonly kind: "file";
  readonly path: string;
  /** What {@link stampOf} said of its folder when it was loaded. */
  readonly stamp: string;
  readonly device: string;
  readonly properties: ReadonlyMap<string, string>;
}

/** A SavedModel. */
export interface SavedModelSource {
  readonly kind: "saved_model";
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

/** What became of compiling for other shapes. */
export interface VariantEvent {
  /** The shapes of the graph's ports that were asked for. */
  readonly shapes: readonly string[];
  readonly ms: number;
  /** Undefined where it went well. */
  readonly error: string | undefined;
}

/**
 * Makes the function that compiles.
 *
 * @param engine of the thread that calls it.
 * @param onEvent gets what became of each call.
 * @returns a function that throws a {@link ServingError} FAILED_PRECONDITION when the files have changed, and what the engine says of
 * the shapes.
 */
export function variantCompiler(
  engine: Engine,
  source: VariantSource,
  onEvent: (event: VariantEvent) => void = () => {},
): (graph: number, shapes: VariantShapes) => Promise<CompiledModel> {
  const { device, properties } = source;
  const compile = async (graph: number, shapes: VariantShapes): Promise<CompiledModel> => {
    const folder = source.kind === "file" ? dirname(source.path) : source.path;
    if (await stampOf(folder) !== source.stamp) {
      throw new ServingError(CODE.FAILED_PRECONDITION, "The files of the version have changed since it was loaded");
    }
    using model = source.kind === "file"
      ? await readFile(engine, source.path, shapes)
      : await readPlanned(engine, source, { graph, shapes });
    return await model.compile({ device, properties });
  };
  return async (graph, shapes) => {
    const startMs = performance.now();
    const report = (error: string | undefined): void =>
      onEvent({ shapes: shapes.map(shapeText), ms: Math.round(performance.now() - startMs), error });
    try {
      const compiled = await compile(graph, shapes);
      report(undefined);
      return compiled;
    } catch (error) {
      report(detailOf(error));
      throw error;
    }
  };
}

function shapeText(shape: PartialShape | undefined): string {
  return shape === undefined ? "its own" : formatPartialShape(shape);
}

async function readFile(engine: Engine, path: string, shapes: VariantShapes): Promise<Model> {
  const model = await engine.read(path);
  const changed = new Map<string, PartialShape>();
  model.inputs.forEach(({ names: [name = ""] }, port) => {
    const shape = shapes[port];
    if (shape !== undefined) changed.set(name, shape);
  });
  try {
    model.reshape(changed);
    return model;
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}

async function readPlanned(
  engine: Engine,
  { path, tags, graphs }: SavedModelSource,
  { graph, shapes }: { graph: number; shapes: VariantShapes },
): Promise<Model> {
  const { index, inputPorts, shapes: ownShapes } = graphs[graph] as SavedModelSource["graphs"][number];
  const planned = (await readPlan(path, tags)).graphs[index] as PlannedGraph;
  const byInput = inputPorts.map((port) => port === undefined ? undefined : shapes[port] ?? ownShapes[port]);
  return await readGraph(engine, planned, { path, shapes: byInput });
}
