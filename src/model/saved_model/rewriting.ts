/**
 * Makes a graph that the runtime compiles of one signature, and says what to feed it and what it answers.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { Tensor } from "../../base/tensor.ts";
import { numberOf, shapeAttribute, shapeOf, typeAttribute } from "./graph/attributes.ts";
import { Evaluator } from "./graph/constants.ts";
import { dataTypeName, DT, dtypeOf } from "./graph/data_types.ts";
import { type FlatGraph, parseRef } from "./graph/flat_graph.ts";
import type { GraphNode } from "./graph/graph_def.ts";
import type { LiveGraph } from "./graph/live_graph.ts";
import { int32s } from "./graph/tensors.ts";
import type { SignatureDef, TensorInfo } from "./meta_graph.ts";
import { cutParseExample, type ParsedFeatures } from "./parse_example.ts";
import { PASSES } from "./passes/all.ts";
import type { PassContext } from "./passes/pass.ts";
import { tableImport } from "./passes/tables.ts";
import type { Answer, ExamplePlan, Feed, GraphInput } from "./plan.ts";
import { prune } from "./pruning.ts";
import { TABLES } from "./tables.ts";

/** The graph of one signature, ready to be written. */
export interface RewrittenSignature {
  readonly definition: SignatureDef;
  /** Producers first. Empty when all answers are constant. */
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly RewrittenInput[];
  /** The nodes of the outputs, in order. */
  readonly outputs: readonly string[];
  readonly feeds: readonly Feed[];
  readonly answers: readonly Answer[];
  readonly examples: ExamplePlan | undefined;
}

/** A placeholder of a graph. */
export interface RewrittenInput extends GraphInput {
  readonly placeholder: string;
}

/**
 * Rewrites a signature.
 *
 * @throws {ServingError} with the reason, in a sentence about the signature, when it cannot be served.
 */
export function rewriteSignature(graph: FlatGraph, definition: SignatureDef, context: PassContext): RewrittenSignature {
  for (const info of [...definition.inputs, ...definition.outputs]) checkInfo(info);
  const { live, fetches, placeholders } = prune(graph, definition);
  const parsed = cutParseExample(live, fetches);
  for (const pass of PASSES) pass(live, live.sorted(fetches), context);
  const sources: FeedSources = { placeholders, parsed };
  const { answers, outputs } = fetchOutputs(live, { definition, fetches, sources });
  const sorted = live.sorted(outputs);
  const tables = sorted.filter(({ op }) => TABLES.has(op)).map(({ name }) => tableImport(name));
  const nodes = tables.length === 0 ? sorted : live.sorted([...outputs, ...tables]);
  const inputs: RewrittenInput[] = [];
  const feeds: Feed[] = [];
  for (const { op, name, attributes } of sorted) {
    if (op !== "Placeholder") continue;
    const type = numberOf(attributes, "dtype");
    const dtype = dtypeOf(type);
    if (dtype === undefined) throw unsupported(`Its input ${name} is of ${dataTypeName(type)}`);
    inputs.push({ name: `in${inputs.length}`, placeholder: name, dtype, shape: shapeOf(attributes, "shape") });
    feeds.push(feedOf(name, sources));
  }
  return { definition, nodes, inputs, outputs, feeds, answers, examples: examplesOf(parsed, placeholders) };
}

function checkInfo({ alias, tensorName, dataType }: TensorInfo): void {
  if (tensorName === "") throw unsupported(`Its tensor ${alias} is sparse or of several parts`);
  if (dtypeOf(dataType) === undefined) throw unsupported(`Its tensor ${alias} is of ${dataTypeName(dataType)}`);
}

/** What placeholders stand for. */
interface FeedSources {
  readonly placeholders: ReadonlyMap<string, number>;
  readonly parsed: ParsedFeatures | undefined;
}

function feedOf(name: string, { placeholders, parsed }: FeedSources): Feed {
  const index = placeholders.get(name);
  if (index !== undefined) return { kind: "input", index };
  const placed = parsed?.placeholders.get(name);
  if (placed !== undefined) return { kind: "feature", index: placed.feature, part: placed.part };
  if (name === ZERO) return { kind: "constant", tensor: int32s([0], []) };
  throw unsupported(`It needs the placeholder ${name}, which is none of its inputs`);
}

function examplesOf(
  parsed: ParsedFeatures | undefined,
  placeholders: ReadonlyMap<string, number>,
): ExamplePlan | undefined {
  if (parsed === undefined) return undefined;
  const input = placeholders.get(parsed.serialized);
  if (input === undefined) throw unsupported("The examples it parses are none of its inputs");
  return { input, features: parsed.features };
}

const TRANSPARENT = new Set(["Identity", "PreventGradient", "Snapshot", "StopGradient"]);

/** A placeholder for a zero that is added to numbers which depend on nothing: the runtime has no constant outputs. */
const ZERO = "ovserve/zero";

/** Gives each tensor that is computed a node of its own. */
function fetchOutputs(
  live: LiveGraph,
  { definition, fetches, sources }: {
    definition: SignatureDef;
    fetches: readonly string[];
    sources: FeedSources;
  },
): { answers: Answer[]; outputs: string[] } {
  const constants = new Evaluator((r) => live.find(r));
  const dynamic = nodesThatNeedInput(live, fetches);
  const outputs: string[] = [];
  const indices = new Map<string, number>();
  const answers = definition.outputs.map((info, i): Answer => {
    const ref = live.resolve(fetches[i] as string);
    const fed = placeholderBehind(live, ref);
    if (fed !== undefined) return { kind: "feed", feed: feedOf(fed, sources) };
    const known = indices.get(ref);
    if (known !== undefined) return { kind: "output", index: known };
    const isConstant = !dynamic.has(parseRef(ref).node);
    const constant = isConstant ? constants.evaluate(ref) : undefined;
    if (constant !== undefined) return constantAnswer(constant, info);
    const index = outputs.push(putOutput(live, { name: `ovserve/out${outputs.length}`, ref, info, isConstant })) - 1;
    indices.set(ref, index);
    return { kind: "output", index };
  });
  return { answers, outputs };
}

/** Names of the nodes that a placeholder has a part in. */
function nodesThatNeedInput(live: LiveGraph, fetches: readonly string[]): ReadonlySet<string> {
  const dynamic = new Set<string>();
  for (const { name, op, inputs } of live.sorted(fetches)) {
    if (op === "Placeholder" || inputs.some((input) => dynamic.has(parseRef(input).node))) dynamic.add(name);
  }
  return dynamic;
}

/** The placeholder that a tensor is, through nodes that leave it as it is; undefined when it is computed. */
function placeholderBehind(live: LiveGraph, ref: string): string | undefined {
  let node = live.producer(ref);
  while (node !== undefined && TRANSPARENT.has(node.op)) node = live.input(node, 0);
  return node?.op === "Placeholder" ? node.name : undefined;
}

function constantAnswer(tensor: Tensor, { alias, dataType }: TensorInfo): Answer {
  if (tensor.dtype === dtypeOf(dataType)) return { kind: "constant", tensor };
  throw unsupported(`Its output ${alias} is of another type than it says`);
}

const SCALAR = shapeAttribute([]);

function putOutput(
  live: LiveGraph,
  { name, ref, info: { alias, dataType }, isConstant }: {
    name: string;
    ref: string;
    info: TensorInfo;
    isConstant: boolean;
  },
): string {
  const T = typeAttribute(dataType);
  if (!isConstant) return live.putOp(name, "Identity", [ref], { T });
  if (dataType === DT.STRING || dataType === DT.BOOL) {
    throw unsupported(`Its output ${alias} is always the same, in a way that cannot be computed here`);
  }
  const zero = live.putOp(ZERO, "Placeholder", [], { dtype: typeAttribute(DT.INT32), shape: SCALAR });
  const cast = live.putOp(`${name}/zero`, "Cast", [zero], { SrcT: typeAttribute(DT.INT32), DstT: T });
  return live.putOp(name, "AddV2", [ref, cast], { T });
}

function unsupported(reason: string): ServingError {
  return new ServingError(CODE.UNIMPLEMENTED, reason);
}
