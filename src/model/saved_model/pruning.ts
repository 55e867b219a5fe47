/**
 * Cuts the graph of one signature out of a MetaGraph: what its outputs need, up to the tensors it feeds.
 *
 * @module
 */
import type { PartialShape } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import { numberOf, shapeAttribute, shapesOf, typeAttribute } from "./graph/attributes.ts";
import { controlInputs, dataInputs, type FlatGraph, formatRef, parseRef } from "./graph/flat_graph.ts";
import type { GraphNode } from "./graph/graph_def.ts";
import { LiveGraph } from "./graph/live_graph.ts";
import type { SignatureDef, TensorInfo } from "./meta_graph.ts";

/** A signature's graph before the passes. */
export interface PrunedGraph {
  readonly live: LiveGraph;
  /** The tensor of each output, in the signature's order. */
  readonly fetches: readonly string[];
  /** The placeholder of each input that the outputs need: indices into the signature's inputs by the placeholder's name. */
  readonly placeholders: ReadonlyMap<string, number>;
}

/** Operations that change what a later request is answered. */
const WRITES =
  /^(Assign\w+|Assign|Resource\w*(Apply|Scatter|Assign|Count)\w*|Scatter\w*(Update|Add|Sub)|LookupTable(Insert|Remove)\w*)$|Queue(Enqueue|Dequeue)/;

/**
 * Prunes.
 *
 * @throws {ServingError} UNIMPLEMENTED for a graph that writes variables; INVALID_ARGUMENT for one that needs what its signature
 * does not feed, and for references to nothing.
 */
export function prune(graph: FlatGraph, signature: SignatureDef): PrunedGraph {
  const cuts = new Map<string, string>();
  const placeholders = new Map<string, number>();
  const live = new LiveGraph(graph.functions);
  const fed: GraphNode[] = [];
  signature.inputs.forEach((info, index) => {
    const placeholder = placeholderOf(graph, info);
    cuts.set(formatRef(parseRef(info.tensorName)), placeholder.name);
    placeholders.set(placeholder.name, index);
    fed.push(placeholder);
  });
  for (const placeholder of fed) live.put(placeholder);
  const calls = new Set<string>();
  const options = { isCut: (ref: string) => cuts.has(ref), onCall: (name: string) => calls.add(name) };
  const toLive = (text: string): string => {
    const ref = formatRef(graph.resolve(text, options));
    return cuts.get(ref) ?? ref;
  };
  const fetches = signature.outputs.map(({ tensorName }) => toLive(tensorName));
  const pending = fetches.map((ref) => parseRef(ref).node);
  const effects: string[] = [];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (live.node(name) !== undefined) continue;
    const node = graph.node(name) as GraphNode;
    const inputs = dataInputs(node).map(toLive);
    live.put(withoutDefault({ ...node, inputs }));
    for (const input of inputs) pending.push(parseRef(input).node);
    effects.push(...controlInputs(node));
  }
  checkEffects(graph, { live, effects, calls });
  for (const { op, name } of live.nodes()) {
    if (op !== "Placeholder" || placeholders.has(name)) continue;
    throw new ServingError(
      CODE.INVALID_ARGUMENT,
      `Its outputs need the placeholder ${name}, which is none of its inputs`,
    );
  }
  return { live, fetches, placeholders };
}

/** A default that nobody feeds is a constant. */
function withoutDefault(node: GraphNode): GraphNode {
  if (node.op !== "PlaceholderWithDefault") return node;
  const type = numberOf(node.attributes, "dtype");
  return { ...node, op: "Identity", attributes: new Map([["T", typeAttribute(type)]]) };
}

/** The placeholder that stands for a fed tensor: that of the graph, or one in place of what computes the tensor. */
function placeholderOf(graph: FlatGraph, { tensorName, dataType, shape }: TensorInfo): GraphNode {
  const ref = parseRef(tensorName);
  const node = graph.node(ref.node);
  if (node === undefined) {
    throw new ServingError(CODE.INVALID_ARGUMENT, `Its input ${tensorName} is not in the graph`);
  }
  const isPlaceholder = node.op === "Placeholder" || node.op === "PlaceholderWithDefault";
  if (isPlaceholder && node.attributes.has("shape")) {
    const attributes = new Map(["dtype", "shape"].map((name) => [name, node.attributes.get(name) as Uint8Array]));
    return { name: ref.node, op: "Placeholder", inputs: [], attributes };
  }
  const known = shape ?? parsedShape(graph, tensorName);
  const attributes = new Map([["dtype", typeAttribute(dataType)], ["shape", shapeAttribute(known)]]);
  return { name: `${ref.node}/fed_${ref.index}`, op: "Placeholder", inputs: [], attributes };
}

/** The shape of a dense feature that is fed in place of being parsed; undefined for another tensor. */
function parsedShape(graph: FlatGraph, tensorName: string): PartialShape {
  let ref = tensorName;
  for (let i = 0; i < 10; i++) {
    const found = graph.find(ref);
    if (found === undefined) return undefined;
    const { node, index } = found;
    if (node.op === "ParseExample" || node.op === "ParseExampleV2") {
      const sparse = numberOf(node.attributes, node.op === "ParseExample" ? "Nsparse" : "num_sparse");
      const shape = shapesOf(node.attributes, "dense_shapes")[index - 3 * sparse];
      return shape && [{ min: 0, max: Infinity }, ...shape];
    }
    const [input] = dataInputs(node);
    if (node.op !== "Identity" || input === undefined) return undefined;
    ref = input;
  }
  return undefined;
}

/** Finds writes in what runs for its effects alone: a graph is computed here from its data alone. */
function checkEffects(
  graph: FlatGraph,
  { live, effects, calls }: { live: LiveGraph; effects: readonly string[]; calls: ReadonlySet<string> },
): void {
  for (const { name, op } of live.nodes()) checkWrites(name, op);
  const seen = new Set<string>();
  const pending = [...effects];
  for (const call of calls) pending.push(...graph.effectsOf(call));
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const node = graph.node(name);
    if (node === undefined) continue;
    if (graph.calledName(node) !== undefined) pending.push(...graph.effectsOf(name));
    else checkWrites(name, node.op);
    for (const input of node.inputs) pending.push(parseRef(input).node);
  }
}

function checkWrites(name: string, op: string): void {
  if (!WRITES.test(op)) return;
  throw new ServingError(
    CODE.UNIMPLEMENTED,
    `It writes a variable (${op} at ${name}), and requests share no state here; export it without the write`,
  );
}
