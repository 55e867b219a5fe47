/**
 * The content of lookup tables: constants of the graph or lines of a vocabulary file
 * (tensorflow/core/kernels/{lookup_util,lookup_table_init_op}.cc).
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import { elementCount, type Tensor } from "../../base/tensor.ts";
import { numberOf, textOf } from "./graph/attributes.ts";
import { evaluate, type FindProducer } from "./graph/constants.ts";
import { dtypeOf } from "./graph/data_types.ts";
import { dataInputs, type FlatGraph, formatRef } from "./graph/flat_graph.ts";
import type { GraphNode } from "./graph/graph_def.ts";
import { float32s, int32s, int64s, stringTensor } from "./graph/tensors.ts";
import { type Initializers, resourceNode } from "./variables.ts";

/** Operations that create a table. */
export const TABLES: ReadonlySet<string> = new Set([
  "HashTable",
  "HashTableV2",
  "MutableHashTable",
  "MutableHashTableV2",
  "MutableHashTableOfTensors",
  "MutableDenseHashTableV2",
]);

/** `key_index` and `value_index` of a text file that mean no column. */
const WHOLE_LINE = -2;
const LINE_NUMBER = -1;

/** A table's entries: as many keys as values. */
export interface TableContent {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** What tables are read from. */
export interface TableSources {
  readonly graph: FlatGraph;
  readonly initializers: Initializers;
  /** Files below `assets/`, by the name of the tensor that holds their path. */
  readonly assets: ReadonlyMap<string, string>;
  /** The bytes of a file below `assets/`. */
  readonly readAsset: (name: string) => Uint8Array;
}

/**
 * Reads the content of a table.
 *
 * @throws {ServingError} UNIMPLEMENTED when it is not known before the model runs; INVALID_ARGUMENT for a vocabulary file that
 * does not fit.
 */
export function readTable(table: GraphNode, sources: TableSources): TableContent {
  const nodes = sources.initializers.get(table.name) ?? [];
  for (const node of nodes) {
    const content = node.op.startsWith("InitializeTableFromTextFile")
      ? readTextFile(table, node, sources)
      : readConstants(node, sources.graph);
    if (content !== undefined) return content;
  }
  throw new ServingError(
    CODE.UNIMPLEMENTED,
    `The content of the table ${table.name} (${table.op}) is neither a constant nor a vocabulary file`,
  );
}

function readConstants(node: GraphNode, graph: FlatGraph): TableContent | undefined {
  const [, keysRef, valuesRef] = dataInputs(node);
  if (keysRef === undefined || valuesRef === undefined) return undefined;
  const find: FindProducer = (ref) => graph.find(ref);
  const keys = evaluate(keysRef, find);
  const values = evaluate(valuesRef, find);
  if (keys === undefined || values === undefined) return undefined;
  if (elementCount(keys.shape) !== elementCount(values.shape)) {
    throw new ServingError(CODE.INVALID_ARGUMENT, `The table ${node.name} has another number of keys than of values`);
  }
  return { keys, values };
}

function readTextFile(table: GraphNode, node: GraphNode, sources: TableSources): TableContent | undefined {
  const [, path] = dataInputs(node);
  const asset = path === undefined ? undefined : assetAt(path, sources);
  if (asset === undefined) return undefined;
  const { attributes } = node;
  const size = numberOf(attributes, "vocab_size");
  const lines = readLines(sources.readAsset(asset), size > 0 ? size : Infinity);
  const delimiter = textOf(attributes, "delimiter") || "\t";
  const offset = numberOf(attributes, "offset");
  const used = offset > 0 ? lines.slice(offset) : lines;
  const column = (what: "key" | "value"): Tensor => {
    const dataType = numberOf(table.attributes, `${what}_dtype`);
    return readColumn(used, {
      dtype: dtypeOf(dataType),
      index: numberOf(attributes, `${what}_index`),
      delimiter: delimiter.charCodeAt(0),
      asset,
    });
  };
  return { keys: column("key"), values: column("value") };
}

/** The file below `assets/` that a tensor is the path of. */
function assetAt(ref: string, { graph, initializers, assets }: TableSources): string | undefined {
  let current = ref;
  for (let i = 0; i < 20; i++) {
    const resolved = graph.resolve(current);
    const asset = assets.get(`${resolved.node}:${resolved.index}`) ?? assets.get(formatRef(resolved));
    if (asset !== undefined) return asset;
    const node = graph.node(resolved.node);
    const [input] = node === undefined ? [] : dataInputs(node);
    if (node === undefined || input === undefined) return undefined;
    if (node.op === "ReadVariableOp") {
      // TensorFlow 2 keeps the path in a variable that the asset is assigned to.
      const variable = resourceNode(graph, input);
      const assigned = variable && initializers.get(variable.name)?.find(({ op }) => op === "AssignVariableOp");
      const value = assigned && dataInputs(assigned)[1];
      if (value === undefined) return undefined;
      current = value;
    } else if (node.op === "Identity") current = input;
    else return undefined;
  }
  return undefined;
}

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/** The lines of a file as TensorFlow's `InputBuffer::ReadLine` has them: without any carriage return. */
function readLines(bytes: Uint8Array, linesMax: number): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length && lines.length < linesMax;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    const line = bytes.subarray(start, end);
    lines.push(line.includes(CARRIAGE_RETURN) ? line.filter((byte) => byte !== CARRIAGE_RETURN) : line);
    start = end + 1;
  }
  return lines;
}

function readColumn(
  lines: readonly Uint8Array[],
  { dtype, index, delimiter, asset }: { dtype: string | undefined; index: number; delimiter: number; asset: string },
): Tensor {
  if (index === LINE_NUMBER) return int64s(lines.map((_, i) => i));
  const cells = index === WHOLE_LINE ? lines : lines.map((line, i) => {
    const cell = split(line, delimiter)[index];
    if (cell !== undefined) return cell;
    throw new ServingError(CODE.INVALID_ARGUMENT, `The line ${i + 1} of assets/${asset} has no column ${index}`);
  });
  if (dtype === "string") return stringTensor(cells);
  const decoder = new TextDecoder();
  const numbers = cells.map((cell, i) => {
    const text = decoder.decode(cell).trim();
    const number = Number(text);
    if (text !== "" && !Number.isNaN(number)) return number;
    throw new ServingError(CODE.INVALID_ARGUMENT, `The line ${i + 1} of assets/${asset} has no number: ${text}`);
  });
  if (dtype === "i64") return int64s(numbers.map((number) => Math.trunc(number)));
  return dtype === "i32" ? int32s(numbers) : float32s(numbers);
}

function split(line: Uint8Array, delimiter: number): Uint8Array[] {
  const cells: Uint8Array[] = [];
  for (let start = 0; start <= line.length;) {
    const found = line.indexOf(delimiter, start);
    const end = found < 0 ? line.length : found;
    cells.push(line.subarray(start, end));
    start = end + 1;
  }
  return cells;
}
