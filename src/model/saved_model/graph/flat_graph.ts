/**
 * A graph without function calls: a call is replaced by the nodes of its function when it is first reached, so that what no
 * signature needs costs nothing.
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import { functionOf } from "./attributes.ts";
import { CALLS, type FunctionLibrary, type Graph, type GraphFunction, type GraphNode, NODES_MAX } from "./graph_def.ts";
import { outputIndex } from "./op_outputs.ts";

/** How deep calls may nest; recursion ends here. */
const DEPTH_MAX = 100;
/** The most characters that the names of inlined nodes may have together. */
const NAME_CHARACTERS_MAX = 1 << 27;
/** How many references in a row may only lead to another. */
const ALIASES_MAX = 100_000;

/** A tensor of a graph: a node's output. */
export interface TensorRef {
  readonly node: string;
  readonly index: number;
}

/** How to follow a reference. */
export interface ResolveOptions {
  readonly isCut?: (ref: string) => boolean;
  readonly onCall?: (name: string) => void;
}

/** Parses `node`, `node:index` or `^node`. */
export function parseRef(text: string): TensorRef {
  const start = text.startsWith("^") ? 1 : 0;
  const colon = text.lastIndexOf(":");
  if (colon < 0) return { node: text.slice(start), index: 0 };
  const index = Number(text.slice(colon + 1));
  return Number.isSafeInteger(index)
    ? { node: text.slice(start, colon), index }
    : { node: text.slice(start), index: 0 };
}

/** A reference as a `NodeDef` has it: the first output of a node is the node's name. */
export function formatRef({ node, index }: TensorRef): string {
  return index === 0 ? node : `${node}:${index}`;
}

/** The data inputs of a node, without control dependencies. */
export function dataInputs(node: GraphNode): readonly string[] {
  return node.inputs.some((input) => input.startsWith("^"))
    ? node.inputs.filter((input) => !input.startsWith("^"))
    : node.inputs;
}

/** The control dependencies of a node, by name. */
export function controlInputs(node: GraphNode): readonly string[] {
  return node.inputs.filter((input) => input.startsWith("^")).map((input) => input.slice(1));
}

/** A graph whose calls disappear as they are reached. */
export class FlatGraph {
  readonly functions: FunctionLibrary;
  readonly #nodes = new Map<string, GraphNode>();
  /** What each output of an expanded call is. */
  readonly #results = new Map<string, readonly string[]>();
  /** Names of the nodes that an expanded call runs for their effects. */
  readonly #effects = new Map<string, readonly string[]>();
  readonly #depths = new Map<string, number>();
  #nameCharacters = 0;

  constructor(graph: Graph) {
    this.functions = graph.functions;
    for (const node of graph.nodes) this.#nodes.set(node.name, node);
  }

  /** Names of all nodes so far, those of calls that were not reached yet among them. */
  names(): IterableIterator<string> {
    return this.#nodes.keys();
  }

  /** A node that is no call that was expanded. */
  node(name: string): GraphNode | undefined {
    return this.#nodes.get(name);
  }

  /** The node and the output that a reference leads to. */
  find(ref: string): { readonly node: GraphNode; readonly index: number } | undefined {
    const { node: name, index } = this.resolve(ref);
    const node = this.#nodes.get(name);
    return node && { node, index };
  }

  /** The name of the function a node calls; undefined when it is no call. */
  calledName({ op, attributes }: GraphNode): string | undefined {
    const name = CALLS.has(op) ? functionOf(attributes, "f") : op;
    return name !== undefined && this.functions.has(name) ? name : undefined;
  }

  /**
   * Follows a reference through calls to the node that computes the tensor.
   *
   * @param options.isCut whether a tensor is given from outside, which ends the way there.
   * @param options.onCall gets the name of each call on the way.
   * @throws {ServingError} INVALID_ARGUMENT for a reference to nothing, and for calls without end.
   */
  resolve(text: string, { isCut, onCall }: ResolveOptions = {}): TensorRef {
    let ref = parseRef(text);
    for (let i = 0; i < ALIASES_MAX; i++) {
      if (isCut?.(formatRef(ref)) === true) return ref;
      const node = this.#nodes.get(ref.node);
      if (node === undefined) throw invalid(`the tensor ${text} is computed by no node`);
      if (!this.#expand(node)) return ref;
      onCall?.(ref.node);
      const result = this.#results.get(ref.node)?.[ref.index];
      if (result === undefined) throw invalid(`the function that ${ref.node} calls has no result ${ref.index}`);
      ref = parseRef(result);
    }
    throw invalid(`the tensor ${text} refers to itself`);
  }

  /** The nodes that a call runs for their effects alone, once it is expanded. */
  effectsOf(call: string): readonly string[] {
    const node = this.#nodes.get(call);
    if (node !== undefined) this.#expand(node);
    return this.#effects.get(call) ?? [];
  }

  /** Puts the nodes of the function a node calls beside it. @returns whether it is a call. */
  #expand(call: GraphNode): boolean {
    if (this.#results.has(call.name)) return true;
    const name = this.calledName(call);
    const called = name === undefined ? undefined : this.functions.get(name);
    if (called === undefined) return false;
    const depth = (this.#depths.get(call.name) ?? 0) + 1;
    if (depth > DEPTH_MAX) throw invalid(`calls of functions nest more than ${DEPTH_MAX} deep at ${call.name}`);
    const prefix = `${call.name}/`;
    const inputs = dataInputs(call);
    const args = new Map(called.argNames.map((name, i) => [name, inputs[i]] as const));
    const inner = new Map(called.nodes.map((node) => [node.name, node]));
    const toOuter = (text: string): string => outerRef(text, { args, inner, prefix, called });
    for (const node of called.nodes) {
      const inlined = prefix + node.name;
      this.#nameCharacters += inlined.length;
      if (this.#nodes.size === NODES_MAX || this.#nameCharacters > NAME_CHARACTERS_MAX) {
        throw invalid("its functions have too many nodes when all calls are followed");
      }
      this.#nodes.set(inlined, { ...node, name: inlined, inputs: node.inputs.map(toOuter) });
      this.#depths.set(inlined, depth);
    }
    const results = called.resultNames.map((name) => toOuter(called.results.get(name) ?? ""));
    this.#results.set(call.name, results);
    this.#effects.set(call.name, called.controlResults.map((name) => prefix + name));
    return true;
  }
}

/** A reference within a function as one within the graph that calls it. */
function outerRef(
  text: string,
  { args, inner, prefix, called }: {
    args: ReadonlyMap<string, string | undefined>;
    inner: ReadonlyMap<string, GraphNode>;
    prefix: string;
    called: GraphFunction;
  },
): string {
  if (text.startsWith("^")) {
    const name = text.slice(1);
    const arg = args.get(name);
    return arg === undefined ? `^${prefix}${name}` : `^${parseRef(arg).node}`;
  }
  const [name = "", output, index = "0"] = text.split(":");
  const arg = args.get(name);
  if (arg !== undefined) return arg;
  const node = inner.get(name);
  if (node === undefined) throw invalid(`the function ${called.name} uses ${text}, which it does not have`);
  const flat = output === undefined ? 0 : outputIndex(node, output, Number(index));
  if (flat === undefined || !Number.isSafeInteger(flat)) {
    throw invalid(`the operation ${node.op} (${node.name}) has no output ${output}`);
  }
  return formatRef({ node: prefix + name, index: flat });
}

function invalid(reason: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `Cannot use the graph: ${reason}`);
}
