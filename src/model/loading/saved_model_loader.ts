/**
 * Makes a servable of a SavedModel: reads it, compiles a graph for each computation its signatures share, and binds each signature to
 * its graph.
 *
 * @module
 */
import type { PartialShape } from "../../base/signature.ts";
import { CODE, ServingError, toServingError } from "../../base/status.ts";
import type { Engine, Model } from "../../engine/engine.ts";
import type { PlannedGraph, SavedModelPlan } from "../saved_model/plan.ts";
import { ModelServable, type ModelServableOptions } from "../model_servable.ts";
import type { VariantShapes } from "../shape_variants.ts";
import { disposeOnError } from "./compilation.ts";
import { disposeGraphs, loadGraph } from "./graph_loader.ts";
import type { LoadOptions, LoadReport } from "./load_options.ts";
import { readGraph, readPlan, stampOf } from "./saved_model_files.ts";
import { variantCompiler } from "./variant_compiler.ts";
import { bindSignatures, hasOwnShapes, type ReadyGraph, toRefused } from "./saved_model_signatures.ts";
import { planReshape, type ShapeSpec } from "./reshape.ts";
import { inferZeros, replayRequests } from "./warm_up.ts";

const OPEN = { min: 0, max: Infinity };
/** What a rank that is not known may be: the first one that compiles is what the graph is tried with. */
const RANKS = [1, 2, 0, 3, 4];
/** How the engine begins when shapes do not fit. */
const RESHAPE_ERROR = /^Cannot reshape the model/;

/**
 * Loads a SavedModel.
 *
 * @returns a servable the caller owns, and what was found out.
 * @throws {ServingError} what reading throws; UNIMPLEMENTED with the reasons when no signature can be served; what loading any model
 * throws.
 */
export async function loadSavedModel(
  engine: Engine,
  options: LoadOptions,
): Promise<{ servable: ModelServable; report: LoadReport }> {
  const { files } = options;
  const plan = await readPlan(files.path, options.tags);
  const reasons = new Map(plan.refused);
  const graphs = await loadGraphs(engine, plan, { options, reasons });
  const loaded = graphs.flatMap((graph) => graph ?? []);
  let servable: ModelServable;
  try {
    const signatures = await bindSignatures(plan, { graphs, reasons, options });
    const refused = new Map([...reasons].map(([name, reason]) => [name, toRefused(plan, name, reason)] as const));
    servable = new ModelServable({
      signatures,
      refused,
      graphs: loaded.map(({ graph }) => graph),
      ...!hasOwnShapes(options) && await variantsOf(engine, { options, graphs }),
    });
  } catch (error) {
    disposeGraphs(loaded.map(({ graph }) => graph));
    throw error;
  }
  const warmUpNotes = await disposeOnError(servable, () => warmUp(servable, options));
  const [first] = loaded;
  const notes = [...reasons].map(([name, reason]) => `The signature ${name} is not served: ${reason}`);
  return {
    servable,
    report: {
      device: options.device,
      hint: undefined,
      streams: undefined,
      threads: undefined,
      isPinned: undefined,
      inferenceUs: undefined,
      isInLoop: false,
      inLoopBytesMax: 0,
      isBatched: false,
      batchRowsMax: undefined,
      precision: undefined,
      ...first?.report,
      inferRequestCount: servable.inferRequestCount,
      notes: [...notes, ...new Set(loaded.flatMap((graph) => graph.notes)), ...warmUpNotes],
    },
  };

  async function warmUp(
    servable: ModelServable,
    { warmUpIterations, decodeWarmUp }: LoadOptions,
  ): Promise<readonly string[]> {
    const { warmupPath } = files;
    if (warmupPath !== undefined) {
      return await replayRequests(servable, { path: warmupPath, iterations: warmUpIterations, decode: decodeWarmUp });
    }
    const simple = [...servable.signatures.values()].filter(({ wiring }) => wiring === undefined);
    const seen = new Set<number>();
    const all: string[] = [];
    for (const signature of simple) {
      const { graph = 0 } = signature;
      if (seen.has(graph)) continue;
      seen.add(graph);
      all.push(...await inferZeros(servable, signature));
    }
    return [...new Set(all)];
  }
}

/** Loads all graphs. One that cannot be loaded gives the reason for its signatures; when none can, the first reason is thrown. */
async function loadGraphs(
  engine: Engine,
  plan: SavedModelPlan,
  { options, reasons }: { options: LoadOptions; reasons: Map<string, string> },
): Promise<(ReadyGraph | undefined)[]> {
  const graphs: (ReadyGraph | undefined)[] = [];
  let firstError: ServingError | undefined;
  checkShapeNames(plan, options.shape);
  try {
    for (const [index, planned] of plan.graphs.entries()) {
      const names = [...plan.signatures].filter(([, { graph }]) => graph === index).map(([name]) => name);
      try {
        graphs.push(await loadPlanned(engine, planned, { options, plan, index }));
      } catch (thrown) {
        const error = toServingError(thrown);
        // A device or a property that is wrong is so for all graphs, and a shape that somebody asked for is no detail.
        const isOfGraph = error.code === CODE.INVALID_ARGUMENT || error.code === CODE.INTERNAL;
        if (!isOfGraph || (hasOwnShapes(options) && RESHAPE_ERROR.test(error.message))) throw error;
        firstError ??= error;
        graphs.push(undefined);
        for (const name of names) reasons.set(name, error.message);
      }
    }
  } catch (error) {
    disposeGraphs(graphs.flatMap((graph) => graph?.graph ?? []));
    throw error;
  }
  const isServed = [...plan.signatures].some(([name]) => !reasons.has(name));
  if (!isServed && firstError !== undefined) throw firstError;
  return graphs;
}

async function loadPlanned(
  engine: Engine,
  planned: PlannedGraph,
  { options, plan, index }: { options: LoadOptions; plan: SavedModelPlan; index: number },
): Promise<ReadyGraph> {
  const isOpen = planned.inputs.some(({ shape }) => shape === undefined);
  let failure: unknown;
  for (const rank of isOpen && !hasOwnShapes(options) ? RANKS : [undefined]) {
    const shapes = rank === undefined
      ? []
      : planned.inputs.map(({ shape }) => shape ?? Array<typeof OPEN>(rank).fill(OPEN));
    try {
      using model = await readGraph(engine, planned, { path: options.files.path, shapes });
      const notes = reshapeAsAsked(model, { planned, plan, index, options });
      const canBatch = isBatchable(plan, index);
      const graph = await loadGraph(model, {
        ...options,
        modelBytes: options.files.bytes,
        batching: canBatch ? options.batching : undefined,
      });
      const { inputs, outputs } = model;
      return {
        ...graph,
        graph: { ...graph.graph, repeatsNewShapes: planned.hasControlFlow },
        notes: [...notes, ...graph.notes],
        inputPorts: planned.inputs.map(({ name }) => model.findPort(name, "input")),
        outputPorts: planned.outputs.map((name) => model.findPort(name, "output")),
        ports: { inputs, outputs },
      };
    } catch (error) {
      if (rank === undefined) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

/** Whether each input of a graph has a row for each row of a request. */
function isBatchable({ signatures }: SavedModelPlan, graph: number): boolean {
  return [...signatures.values()].every((signature) =>
    signature.graph !== graph ||
    signature.feeds.every((feed) => feed.kind === "input" || (feed.kind === "feature" && feed.part === "dense"))
  );
}

function reshape(model: Model, { inputs }: PlannedGraph, shapes: VariantShapes): void {
  const changed = new Map<string, PartialShape>();
  inputs.forEach(({ name }, i) => {
    const shape = shapes[i];
    if (shape !== undefined && model.findPort(name, "input") !== undefined) changed.set(name, shape);
  });
  if (changed.size > 0) model.reshape(changed);
}

/** Names of `--shape` must be those of an input of some signature. */
function checkShapeNames({ signatures }: SavedModelPlan, shape: ShapeSpec | undefined): void {
  if (shape?.kind !== "byInput") return;
  const infos = [...signatures.values()].flatMap(({ definition }) => definition.inputs);
  for (const asked of shape.shapes.keys()) {
    if (infos.some(({ alias, tensorName }) => alias === asked || tensorName === asked)) continue;
    const names = [...new Set(infos.map(({ alias }) => alias))].join(", ");
    throw new ServingError(
      CODE.INVALID_ARGUMENT,
      `Cannot reshape the model: it has no input ${asked}, its inputs are ${names}`,
    );
  }
}

function reshapeAsAsked(
  model: Model,
  { planned, plan, index, options }: {
    planned: PlannedGraph;
    plan: SavedModelPlan;
    index: number;
    options: LoadOptions;
  },
): readonly string[] {
  if (!hasOwnShapes(options)) return [];
  const aliases = planned.inputs.map((): Set<string> => new Set());
  for (const { definition, graph, feeds } of plan.signatures.values()) {
    if (graph !== index) continue;
    feeds.forEach((feed, i) => {
      const info = feed.kind === "input" ? definition.inputs[feed.index] : undefined;
      if (info !== undefined) aliases[i]?.add(info.alias).add(info.tensorName);
    });
  }
  const find = (name: string): number => aliases.findIndex((names) => names.has(name));
  const { shape, batchSize } = options;
  const here: ShapeSpec | undefined = shape?.kind === "byInput"
    ? { kind: "byInput", shapes: new Map([...shape.shapes].filter(([name]) => find(name) >= 0)) }
    : shape;
  const inputs = planned.inputs.map(({ name, shape }, i) => ({ name: [...aliases[i] ?? []][0] ?? name, shape }));
  const { shapes, notes } = planReshape(inputs, { shape: here, batchSize, findInput: find });
  reshape(model, planned, shapes);
  return notes;
}

/** How graphs are compiled for other shapes. */
async function variantsOf(
  engine: Engine,
  { options, graphs }: { options: LoadOptions; graphs: readonly (ReadyGraph | undefined)[] },
): Promise<Pick<ModelServableOptions, "variantSource" | "compileVariant">> {
  const { files, device, properties, tags, onVariant } = options;
  const variantSource = {
    kind: "saved_model" as const,
    path: files.path,
    stamp: await stampOf(files.path),
    tags,
    device,
    properties,
    graphs: graphs.flatMap((graph, index) => {
      if (graph === undefined) return [];
      return [{ index, inputPorts: graph.inputPorts, shapes: graph.ports.inputs.map(({ shape }) => shape) }];
    }),
  };
  return { variantSource, compileVariant: variantCompiler(engine, variantSource, onVariant) };
}
