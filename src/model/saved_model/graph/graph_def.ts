/**
 * Graphs of TensorFlow in memory (tensorflow/core/framework/{graph,node_def,function,op_def}.proto): nodes with their attributes
 * still in wire form, functions that are parsed when they are first needed.
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import { WIRE, WireReader } from "../../../protobuf/wire_reader.ts";
import type { WireWriter } from "../../../protobuf/wire_writer.ts";
import { type Attributes, functionOf, functionsOf } from "./attributes.ts";

/** A file may not make the reader hold more nodes than this: BERT-large has about 20,000. */
export const NODES_MAX = 300_000;
const FUNCTIONS_MAX = 200_000;
const INPUTS_MAX = 1 << 20;

const decoder = new TextDecoder();

/** An operation of a graph. Inputs are `node`, `node:index` or, as control dependencies, `^node`. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attributes: Attributes;
}

/** A function of a graph's library. Inputs of its nodes are arguments' names or `node:output name:index`. */
export interface GraphFunction {
  readonly name: string;
  readonly argNames: readonly string[];
  readonly resultNames: readonly string[];
  /** The tensor each result is, by its name. */
  readonly results: ReadonlyMap<string, string>;
  readonly nodes: readonly GraphNode[];
  /** Names of the nodes that run even when no result needs them. */
  readonly controlResults: readonly string[];
  /** The function as it stands in the file. */
  readonly bytes: Uint8Array;
}

/** A graph: nodes in the file's order, and its functions. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly functions: FunctionLibrary;
  /** The field `versions` (`VersionDef`). */
  readonly versions: Uint8Array | undefined;
}

/** What a function is about. */
export interface FunctionOutline {
  readonly ops: ReadonlySet<string>;
  /** Functions that its nodes call by an attribute; those called by their operation's name are among `ops`. */
  readonly calls: ReadonlySet<string>;
}

/** Operations that call the function in their attribute `f`. */
export const CALLS: ReadonlySet<string> = new Set(["PartitionedCall", "StatefulPartitionedCall"]);

/** The functions of a graph by name. */
export class FunctionLibrary {
  readonly #bytes = new Map<string, Uint8Array>();
  readonly #parsed = new Map<string, GraphFunction>();
  readonly #outlines = new Map<string, FunctionOutline>();

  /** Adds a `FunctionDef`. */
  add(bytes: Uint8Array): void {
    if (this.#bytes.size === FUNCTIONS_MAX) throw tooLarge("functions");
    this.#bytes.set(functionName(bytes), bytes);
  }

  /** Whether there is a function with a name. */
  has(name: string): boolean {
    return this.#bytes.has(name);
  }

  /** The operations of a function's nodes and the functions these call, without reading the rest of it. */
  outlineOf(name: string): FunctionOutline {
    const known = this.#outlines.get(name);
    if (known !== undefined) return known;
    const bytes = this.#bytes.get(name);
    const outline = bytes === undefined ? { ops: new Set<string>(), calls: new Set<string>() } : readOutline(bytes);
    this.#outlines.set(name, outline);
    return outline;
  }

  /** The function with a name; undefined where there is none. */
  get(name: string): GraphFunction | undefined {
    const parsed = this.#parsed.get(name);
    if (parsed !== undefined) return parsed;
    const bytes = this.#bytes.get(name);
    if (bytes === undefined) return undefined;
    const read = readFunction(name, bytes);
    this.#parsed.set(name, read);
    return read;
  }
}

/**
 * Reads a `GraphDef`.
 *
 * @param bytes borrowed for as long as the graph is used.
 * @throws {ServingError} INVALID_ARGUMENT when they are no graph or hold more than any graph needs.
 */
export function readGraph(bytes: Uint8Array): Graph {
  const reader = new WireReader(bytes);
  const nodes: GraphNode[] = [];
  const functions = new FunctionLibrary();
  let versions: Uint8Array | undefined;
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (1 << 3 | WIRE.LENGTH)) {
      if (nodes.length === NODES_MAX) throw tooLarge("nodes");
      nodes.push(readNode(reader.readView()));
    } else if (tag === (2 << 3 | WIRE.LENGTH)) readLibrary(reader.readView(), functions);
    else if (tag === (4 << 3 | WIRE.LENGTH)) versions = reader.readView();
    else reader.skip(tag);
  }
  return { nodes, functions, versions };
}

function readLibrary(bytes: Uint8Array, functions: FunctionLibrary): void {
  const reader = new WireReader(bytes);
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (1 << 3 | WIRE.LENGTH)) functions.add(reader.readView());
    else reader.skip(tag);
  }
}

function readNode(bytes: Uint8Array): GraphNode {
  const reader = new WireReader(bytes);
  let name = "";
  let op = "";
  const inputs: string[] = [];
  const attributes: Attributes = new Map();
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (1 << 3 | WIRE.LENGTH)) name = reader.readString();
    else if (tag === (2 << 3 | WIRE.LENGTH)) op = reader.readString();
    else if (tag === (3 << 3 | WIRE.LENGTH)) {
      if (inputs.length === INPUTS_MAX) throw tooLarge("inputs of a node");
      inputs.push(reader.readString());
    } else if (tag === (5 << 3 | WIRE.LENGTH)) {
      const [key, value] = readEntry(reader.readView());
      attributes.set(decoder.decode(key), value);
    } else reader.skip(tag);
  }
  return { name, op, inputs, attributes };
}

function readEntry(bytes: Uint8Array): [key: Uint8Array, value: Uint8Array] {
  const reader = new WireReader(bytes);
  let key = new Uint8Array(0);
  let value = new Uint8Array(0);
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (1 << 3 | WIRE.LENGTH)) key = reader.readView() as Uint8Array<ArrayBuffer>;
    else if (tag === (2 << 3 | WIRE.LENGTH)) value = reader.readView() as Uint8Array<ArrayBuffer>;
    else reader.skip(tag);
  }
  return [key, value];
}

/** All delimited fields of a message with a number. */
function* fieldsOf(bytes: Uint8Array, field: number): Generator<Uint8Array> {
  const reader = new WireReader(bytes);
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    if (tag === (field << 3 | WIRE.LENGTH)) yield reader.readView();
    else reader.skip(tag);
  }
}

function firstText(bytes: Uint8Array, field: number): string {
  for (const view of fieldsOf(bytes, field)) return decoder.decode(view);
  return "";
}

function functionName(bytes: Uint8Array): string {
  for (const signature of fieldsOf(bytes, 1)) return firstText(signature, 1);
  return "";
}

function readOutline(bytes: Uint8Array): FunctionOutline {
  const ops = new Set<string>();
  const calls = new Set<string>();
  for (const node of fieldsOf(bytes, 3)) {
    const op = firstText(node, 2);
    ops.add(op);
    const called = CALLS.has(op) ? functionOf(readNode(node).attributes, "f") : undefined;
    if (called !== undefined) calls.add(called);
  }
  return { ops, calls };
}

function readFunction(name: string, bytes: Uint8Array): GraphFunction {
  const argNames: string[] = [];
  const resultNames: string[] = [];
  for (const signature of fieldsOf(bytes, 1)) {
    for (const arg of fieldsOf(signature, 2)) argNames.push(firstText(arg, 1));
    for (const arg of fieldsOf(signature, 3)) resultNames.push(firstText(arg, 1));
  }
  const nodes: GraphNode[] = [];
  for (const node of fieldsOf(bytes, 3)) {
    if (nodes.length === NODES_MAX) throw tooLarge("nodes");
    nodes.push(readNode(node));
  }
  const results = new Map<string, string>();
  for (const entry of fieldsOf(bytes, 4)) {
    const [key, value] = readEntry(entry);
    results.set(decoder.decode(key), decoder.decode(value));
  }
  const controlResults: string[] = [];
  for (const entry of fieldsOf(bytes, 6)) controlResults.push(decoder.decode(readEntry(entry)[1]));
  return { name, argNames, resultNames, results, nodes, controlResults, bytes };
}

/** The functions that nodes refer to, and those that these refer to: branches and bodies of loops. */
export function functionsIn(nodes: readonly GraphNode[], functions: FunctionLibrary): GraphFunction[] {
  const found = new Map<string, GraphFunction>();
  const visit = ({ op, attributes }: GraphNode): void => {
    const names = functions.has(op) ? [op] : [];
    for (const [name, value] of attributes) {
      if (!name.startsWith("_")) names.push(...functionsOf(value));
    }
    for (const name of names) {
      const body = found.has(name) ? undefined : functions.get(name);
      if (body === undefined) continue;
      found.set(name, body);
      pending.push(body);
    }
  };
  const pending: GraphFunction[] = [];
  for (const node of nodes) visit(node);
  for (let body = pending.pop(); body !== undefined; body = pending.pop()) {
    for (const node of body.nodes) visit(node);
  }
  return [...found.values()];
}

/** Writes a `GraphDef` without its length; borrows what the nodes and functions borrow. */
export function writeGraph(
  writer: WireWriter,
  { nodes, functions, versions }: {
    nodes: readonly GraphNode[];
    functions: readonly GraphFunction[];
    versions: Uint8Array | undefined;
  },
): void {
  if (versions !== undefined) writer.writeMessageField(4, () => writer.writeBytes(versions));
  if (functions.length > 0) {
    writer.writeMessageField(2, () => {
      for (const { bytes } of functions) writer.writeMessageField(1, () => writer.writeBytes(bytes));
    });
  }
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] as GraphNode;
    writer.writeMessageField(1, () => writeNode(writer, node));
  }
}

function writeNode(writer: WireWriter, { name, op, inputs, attributes }: GraphNode): void {
  for (const [key, value] of attributes) {
    writer.writeMessageField(5, () => {
      writer.writeMessageField(2, () => writer.writeBytes(value));
      writer.writeTextField(1, key);
    });
  }
  for (let i = inputs.length - 1; i >= 0; i--) writer.writeTextField(3, inputs[i] as string);
  writer.writeTextField(2, op);
  writer.writeTextField(1, name);
}

function tooLarge(what: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `Cannot read the graph: it has too many ${what}`);
}
