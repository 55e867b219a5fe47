/**
 * Cuts the parsing of `tensorflow.Example`s out of a graph: the server parses them, and the graph is fed what its `ParseExample`
 * would have put out (tensorflow/core/ops/parsing_ops.cc).
 *
 * @module
 */
import type { Dimension, PartialShape } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import { numberOf, numbersOf, shapeAttribute, shapesOf, typeAttribute } from "./graph/attributes.ts";
import { evaluate } from "./graph/constants.ts";
import { dataTypeName, DT, dtypeOf } from "./graph/data_types.ts";
import { formatRef } from "./graph/flat_graph.ts";
import type { GraphNode } from "./graph/graph_def.ts";
import type { LiveGraph } from "./graph/live_graph.ts";
import { textsOf } from "./graph/tensors.ts";
import type { Feature, FeatureDType, FeaturePart } from "./plan.ts";
import { elementCount, type Tensor } from "../../base/tensor.ts";

/** What stands for an output of a `ParseExample`. */
export interface FeaturePlaceholder {
  readonly feature: number;
  readonly part: FeaturePart;
}

/** What was cut out. */
export interface ParsedFeatures {
  /** The placeholder that holds the serialized examples. */
  readonly serialized: string;
  readonly features: readonly Feature[];
  /** By the name of the placeholder. */
  readonly placeholders: ReadonlyMap<string, FeaturePlaceholder>;
}

const OPS = new Set(["ParseExample", "ParseExampleV2"]);
const OPEN: Dimension = { min: 0, max: Infinity };
const TWO: Dimension = { min: 2, max: 2 };

/** A `ParseExample` with its inputs sorted out. */
interface Parsing {
  readonly node: GraphNode;
  readonly serialized: string;
  readonly sparseKeys: readonly string[];
  readonly denseKeys: readonly string[];
  readonly raggedKeys: readonly string[];
  readonly defaults: readonly string[];
}

/**
 * Puts placeholders in the place of the outputs of the graph's `ParseExample`.
 *
 * @returns undefined when the graph parses no examples.
 * @throws {ServingError} UNIMPLEMENTED for two of them, for examples that are no input, and for keys that are computed.
 */
export function cutParseExample(live: LiveGraph, fetches: readonly string[]): ParsedFeatures | undefined {
  const nodes = live.sorted(fetches).filter(({ op }) => OPS.has(op));
  const [node, second] = nodes;
  if (node === undefined) return undefined;
  if (second !== undefined) throw unsupported(`It parses examples twice (${node.name}, ${second.name})`);
  const parsing = readParsing(live, node);
  const features: Feature[] = [];
  const placeholders = new Map<string, FeaturePlaceholder>();
  const put = (output: number, placed: FeaturePlaceholder, { type, shape }: { type: number; shape: PartialShape }) => {
    const { key } = features[placed.feature] as Feature;
    const name = `${node.name}/${placed.part}_${placed.feature}/${key.replaceAll(/[^\w.]/g, "_")}`;
    live.putOp(name, "Placeholder", [], { dtype: typeAttribute(type), shape: shapeAttribute(shape) });
    live.redirect(formatRef({ node: node.name, index: output }), name);
    placeholders.set(name, placed);
  };
  putSparse(parsing, { features, put });
  putDense(live, parsing, { features, put });
  putRagged(parsing, { features, put });
  return { serialized: placeholderBehind(live, parsing), features, placeholders };
}

interface Putting {
  readonly features: Feature[];
  readonly put: (output: number, placed: FeaturePlaceholder, tensor: { type: number; shape: PartialShape }) => void;
}

function putSparse({ node, sparseKeys: keys }: Parsing, { features, put }: Putting): void {
  const types = numbersOf(node.attributes, "sparse_types");
  keys.forEach((key, i) => {
    const type = types[i] ?? 0;
    const feature = features.push({ kind: "sparse", key, dtype: featureDType(key, type) }) - 1;
    put(i, { feature, part: "indices" }, { type: DT.INT64, shape: [OPEN, TWO] });
    put(keys.length + i, { feature, part: "values" }, { type, shape: [OPEN] });
    put(2 * keys.length + i, { feature, part: "shape" }, { type: DT.INT64, shape: [TWO] });
  });
}

function putDense(
  live: LiveGraph,
  { node, sparseKeys, denseKeys, defaults }: Parsing,
  { features, put }: Putting,
): void {
  const types = numbersOf(node.attributes, "Tdense");
  const shapes = shapesOf(node.attributes, "dense_shapes");
  denseKeys.forEach((key, i) => {
    const type = types[i] ?? 0;
    const shape = shapes[i];
    if (shape === undefined || shape.slice(1).some(({ min, max }) => min !== max)) {
      throw unsupported(`The shape of its feature ${key} is not known`);
    }
    const fallback = evaluate(defaults[i] ?? "", (ref) => live.find(ref));
    if (fallback === undefined) throw unsupported(`The default of its feature ${key} is computed`);
    const sizes = shape.map(({ min, max }) => min === max ? min : -1);
    const feature = features.push({
      kind: "dense",
      key,
      dtype: featureDType(key, type),
      shape: sizes,
      fallback: fallbackOf(fallback, { key, sizes }),
    }) - 1;
    put(3 * sparseKeys.length + i, { feature, part: "dense" }, { type, shape: [OPEN, ...shape] });
  });
}

/** A default of a dense feature: none, one row's, or, for rows of any number, one value. */
function fallbackOf(tensor: Tensor, { key, sizes }: { key: string; sizes: readonly number[] }): Tensor | undefined {
  const count = elementCount(tensor.shape);
  const isOpen = sizes[0] === -1;
  if (count === 0 && (isOpen || elementCount(sizes) > 0)) return undefined;
  const expected = isOpen ? 1 : elementCount(sizes);
  if (count === expected) return tensor;
  throw unsupported(`The default of its feature ${key} has ${count} values in place of ${expected}`);
}

function putRagged({ node, sparseKeys, denseKeys, raggedKeys }: Parsing, { features, put }: Putting): void {
  const types = numbersOf(node.attributes, "ragged_value_types");
  const splitTypes = numbersOf(node.attributes, "ragged_split_types");
  const first = 3 * sparseKeys.length + denseKeys.length;
  raggedKeys.forEach((key, i) => {
    const type = types[i] ?? 0;
    const splitType = splitTypes[i] ?? 0;
    const splitsDtype = splitType === DT.INT32 ? "i32" : "i64";
    const feature = features.push({ kind: "ragged", key, dtype: featureDType(key, type), splitsDtype }) - 1;
    put(first + i, { feature, part: "values" }, { type, shape: [OPEN] });
    put(first + raggedKeys.length + i, { feature, part: "splits" }, { type: splitType, shape: [OPEN] });
  });
}

function readParsing(live: LiveGraph, node: GraphNode): Parsing {
  const inputs = node.inputs;
  const textsAt = (ref: string | undefined): string[] => {
    const texts = ref === undefined ? undefined : textsOf(evaluate(ref, (r) => live.find(r)));
    if (texts === undefined) throw unsupported(`The keys of the features that ${node.name} parses are computed`);
    return texts;
  };
  const serialized = inputs[0] ?? "";
  if (node.op === "ParseExampleV2") {
    return {
      node,
      serialized,
      sparseKeys: textsAt(inputs[2]),
      denseKeys: textsAt(inputs[3]),
      raggedKeys: textsAt(inputs[4]),
      defaults: inputs.slice(5),
    };
  }
  const sparse = numberOf(node.attributes, "Nsparse");
  const dense = numberOf(node.attributes, "Ndense");
  const keysAt = (start: number, count: number): string[] =>
    inputs.slice(start, start + count).flatMap((ref) => textsAt(ref));
  return {
    node,
    serialized,
    sparseKeys: keysAt(2, sparse),
    denseKeys: keysAt(2 + sparse, dense),
    raggedKeys: [],
    defaults: inputs.slice(2 + sparse + dense),
  };
}

/** The placeholder that the serialized examples come from, through nodes that leave them as they are. */
function placeholderBehind(live: LiveGraph, { node, serialized }: Parsing): string {
  let ref = serialized;
  for (let i = 0; i < 20; i++) {
    const producer = live.producer(ref);
    if (producer?.op === "Placeholder") return producer.name;
    if (producer?.op !== "Identity" && producer?.op !== "Reshape") break;
    ref = producer.inputs[0] ?? "";
  }
  throw unsupported(`The examples that ${node.name} parses are computed`);
}

function featureDType(key: string, type: number): FeatureDType {
  const dtype = dtypeOf(type);
  if (dtype === "f32" || dtype === "i64" || dtype === "string") return dtype;
  throw unsupported(`Its feature ${key} is of ${dataTypeName(type)}`);
}

function unsupported(reason: string): ServingError {
  return new ServingError(CODE.UNIMPLEMENTED, reason);
}
