/**
 * Reads a SavedModel and plans how its signatures are served.
 *
 * @module
 */
import type { PartialShape } from "../../base/signature.ts";
import { CODE, ServingError, toServingError } from "../../base/status.ts";
import { WIRE } from "../../protobuf/wire_reader.ts";
import { WireWriter } from "../../protobuf/wire_writer.ts";
import { hashGraph } from "./canonical_form.ts";
import { shapeAttribute } from "./graph/attributes.ts";
import { dataTypeOf } from "./graph/data_types.ts";
import { FlatGraph } from "./graph/flat_graph.ts";
import { type FunctionLibrary, functionsIn, type Graph, readGraph, writeGraph } from "./graph/graph_def.ts";
import { writeShape } from "./graph/tensor_proto.ts";
import { findMetaGraph } from "./meta_graph.ts";
import type { PassContext } from "./passes/pass.ts";
import type { PlannedGraph, PlannedSignature, SavedModelPlan } from "./plan.ts";
import { rewriteSignature, type RewrittenSignature } from "./rewriting.ts";
import { readTable, type TableContent } from "./tables.ts";
import { findCheckpointKeys, findInitializers } from "./variables.ts";

/** What to read. */
export interface ReadOptions {
  /** The tags of the MetaGraph to serve. */
  readonly tags: readonly string[];
  /** The bytes of a file below `assets/`. */
  readonly readAsset: (name: string) => Uint8Array;
}

/**
 * Plans a SavedModel. Large graphs take their time: other work has its turn after each step.
 *
 * @param bytes of `saved_model.pb`, borrowed by the plan.
 * @throws {ServingError} DATA_LOSS when they are no SavedModel, NOT_FOUND for the tags, FAILED_PRECONDITION when it has no
 * signature, and UNIMPLEMENTED with every reason when none of its signatures can be served.
 */
export async function planSavedModel(
  bytes: Uint8Array,
  { tags, readAsset }: ReadOptions,
): Promise<SavedModelPlan> {
  const { graph: graphBytes, signatures: definitions, assets } = findMetaGraph(bytes, tags);
  if (definitions.size === 0) {
    throw new ServingError(CODE.FAILED_PRECONDITION, "The SavedModel has no signatures; export it with at least one");
  }
  const graph = parseGraph(graphBytes);
  const flat = new FlatGraph(graph);
  await turnOfTheLoop();
  const initializers = findInitializers(flat);
  const tables = new Map<string, TableContent>();
  const context: PassContext = {
    checkpointKeys: findCheckpointKeys(flat, initializers),
    readTable: (table) => {
      let content = tables.get(table.name);
      if (content === undefined) {
        content = readTable(table, { graph: flat, initializers, assets, readAsset });
        tables.set(table.name, content);
      }
      return content;
    },
  };
  const refused = new Map<string, string>();
  const rewritten = new Map<string, RewrittenSignature>();
  for (const [name, definition] of definitions) {
    await turnOfTheLoop();
    try {
      rewritten.set(name, rewriteSignature(flat, definition, context));
    } catch (error) {
      refused.set(name, toServingError(error).message);
    }
  }
  if (rewritten.size === 0) throw nothingServable(refused);
  return { ...shareGraphs(rewritten, graph), definitions, refused };
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function nothingServable(refused: ReadonlyMap<string, string>): ServingError {
  const reasons = [...refused].map(([name, reason]) => `${name}: ${reason}`).join("; ");
  return new ServingError(CODE.UNIMPLEMENTED, `No signature of the SavedModel can be served. ${reasons}`);
}

function parseGraph(bytes: Uint8Array): Graph {
  try {
    return readGraph(bytes);
  } catch (cause) {
    throw new ServingError(CODE.DATA_LOSS, `Cannot read saved_model.pb: ${toServingError(cause).message}`, { cause });
  }
}

/** Has signatures with equal graphs share one. */
function shareGraphs(
  rewritten: ReadonlyMap<string, RewrittenSignature>,
  { functions, versions }: Graph,
): Pick<SavedModelPlan, "graphs" | "signatures"> {
  const graphs: PlannedGraph[] = [];
  const indices = new Map<string, number>();
  const signatures = new Map<string, PlannedSignature>();
  for (const [name, signature] of rewritten) {
    const { definition, feeds, answers, examples } = signature;
    let graph: number | undefined;
    if (signature.outputs.length > 0) {
      const hash = rewritten.size === 1 ? "" : hashGraph(signature);
      graph = indices.get(hash);
      if (graph === undefined) {
        graph = graphs.push(toGraph(signature, { functions, versions })) - 1;
        indices.set(hash, graph);
      }
    }
    signatures.set(name, { definition, graph, feeds, answers, examples });
  }
  return { graphs, signatures };
}

function toGraph(
  signature: RewrittenSignature,
  library: { functions: FunctionLibrary; versions: Uint8Array | undefined },
): PlannedGraph {
  const { inputs, outputs } = signature;
  return {
    write: (shapes = []) => writeSavedModel(withShapes(signature, shapes), library),
    inputs: inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    outputs: outputs.map((_, i) => outputName(i)),
    hasControlFlow: signature.nodes.some(({ op }) => CONTROL_FLOW.has(op)),
  };
}

/** Operations that run functions as it turns out. Switch and Merge are those of TensorFlow 1. */
const CONTROL_FLOW = new Set([
  "Case",
  "If",
  "Merge",
  "StatelessCase",
  "StatelessIf",
  "StatelessWhile",
  "While",
]);

function outputName(index: number): string {
  return `out${index}`;
}

/** Gives placeholders other shapes. */
function withShapes(
  signature: RewrittenSignature,
  shapes: readonly (PartialShape | undefined)[],
): RewrittenSignature {
  const inputs = signature.inputs.map((input, i) => ({ ...input, shape: shapes[i] ?? input.shape }));
  const byName = new Map(inputs.map(({ placeholder, shape }) => [placeholder, shape]));
  const nodes = signature.nodes.map((node) => {
    if (!byName.has(node.name)) return node;
    const shape = shapeAttribute(byName.get(node.name));
    return { ...node, attributes: new Map([...node.attributes, ["shape", shape]]) };
  });
  return { ...signature, inputs, nodes };
}

function writeSavedModel(
  { nodes, inputs, outputs, definition, answers }: RewrittenSignature,
  { functions, versions }: { functions: FunctionLibrary; versions: Uint8Array | undefined },
): readonly Uint8Array[] {
  const typeOf = (output: number): number => {
    const at = answers.findIndex((answer) => answer.kind === "output" && answer.index === output);
    return definition.outputs[at]?.dataType ?? 0;
  };
  const writer = new WireWriter();
  writer.begin();
  writer.writeMessageField(2, () => {
    writer.writeMessageField(5, () => {
      writer.writeMessageField(2, () => {
        writer.writeTextField(3, "tensorflow/serving/predict");
        outputs.forEach((node, i) => {
          writeInfo(writer, 2, { alias: outputName(i), tensor: `${node}:0`, type: typeOf(i) });
        });
        for (const { name, placeholder, dtype, shape } of inputs) {
          const info = { alias: name, tensor: `${placeholder}:0`, type: dataTypeOf(dtype) };
          writeInfo(writer, 1, info, () => writer.writeMessageField(3, () => writeShape(writer, shape)));
        }
      });
      writer.writeTextField(1, "serving_default");
    });
    const used = functionsIn(nodes, functions);
    writer.writeMessageField(2, () => writeGraph(writer, { nodes, functions: used, versions }));
    writer.writeMessageField(1, () => writer.writeTextField(4, "serve"));
  });
  writer.writeInt64(1);
  writer.writeTag(1 << 3 | WIRE.VARINT);
  return writer.finish();
}

function writeInfo(
  writer: WireWriter,
  field: number,
  { alias, tensor, type }: { alias: string; tensor: string; type: number },
  writeShapeField: () => void = () => {},
): void {
  writer.writeMessageField(field, () => {
    writer.writeMessageField(2, () => {
      writeShapeField();
      writer.writeNumberField(2, type);
      writer.writeTextField(1, tensor);
    });
    writer.writeTextField(1, alias);
  });
}
