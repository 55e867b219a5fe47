/**
 * The part of a graph that a signature needs, as the passes change it: nodes by name, no calls, no control dependencies.
 *
 * @module
 */
import type { Attributes } from "./attributes.ts";
import { tensorAttribute, typeAttribute } from "./attributes.ts";
import { dataTypeOf } from "./data_types.ts";
import type { FunctionLibrary, GraphNode } from "./graph_def.ts";
import type { Tensor } from "../../../base/tensor.ts";
import { parseRef } from "./flat_graph.ts";

/** A signature's graph while it is rewritten. */
export class LiveGraph {
  readonly #nodes = new Map<string, GraphNode>();
  /** What references to a tensor mean instead. */
  readonly #replaced = new Map<string, string>();

  constructor(readonly functions: FunctionLibrary) {}

  /** All nodes. Nodes that are added while they are looked at are looked at too. */
  nodes(): IterableIterator<GraphNode> {
    return this.#nodes.values();
  }

  /** The node with a name. */
  node(name: string): GraphNode | undefined {
    return this.#nodes.get(name);
  }

  /** The node that computes a tensor, after all replacements. */
  producer(ref: string): GraphNode | undefined {
    return this.#nodes.get(parseRef(this.resolve(ref)).node);
  }

  /** The node that computes a tensor, and which of its outputs that is; for evaluating constants. */
  find(ref: string): { readonly node: GraphNode; readonly index: number } | undefined {
    const { node: name, index } = parseRef(this.resolve(ref));
    const node = this.#nodes.get(name);
    return node && { node, index };
  }

  /** The node an input of a node comes from, after all replacements. */
  input(node: GraphNode, index: number): GraphNode | undefined {
    const ref = node.inputs[index];
    return ref === undefined ? undefined : this.producer(ref);
  }

  /** Adds a node, or puts it in the place of the one with its name. @returns its first output. */
  put(node: GraphNode): string {
    this.#nodes.set(node.name, node);
    return node.name;
  }

  /** Adds a constant. @returns a reference to it. */
  putConst(name: string, value: Tensor): string {
    return this.put(constNode(name, value));
  }

  /** Adds a node of an operation. @returns a reference to its first output. */
  putOp(name: string, op: string, inputs: readonly string[], attributes: Readonly<Record<string, Uint8Array>>): string {
    return this.put({ name, op, inputs, attributes: new Map(Object.entries(attributes)) });
  }

  /** Has every reference to a tensor mean another from now on. */
  redirect(from: string, to: string): void {
    this.#replaced.set(from, to);
  }

  /** What a reference means after all replacements. */
  resolve(ref: string): string {
    let current = ref;
    for (let i = 0; i < 1000; i++) {
      const next = this.#replaced.get(current);
      if (next === undefined) return current;
      current = next;
    }
    return current;
  }

  /** The nodes that tensors need, producers first. */
  sorted(refs: readonly string[]): GraphNode[] {
    const order: GraphNode[] = [];
    const seen = new Set<string>();
    const stack: { readonly name: string; readonly isDone: boolean }[] = [];
    for (const ref of refs) {
      stack.push({ name: parseRef(this.resolve(ref)).node, isDone: false });
      for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
        const node = this.#nodes.get(top.name);
        if (node === undefined) continue;
        if (top.isDone) {
          const inputs = node.inputs.map((input) => this.resolve(input));
          order.push({ ...node, inputs });
          continue;
        }
        if (seen.has(top.name)) continue;
        seen.add(top.name);
        stack.push({ name: top.name, isDone: true });
        for (let i = node.inputs.length - 1; i >= 0; i--) {
          stack.push({ name: parseRef(this.resolve(node.inputs[i] as string)).node, isDone: false });
        }
      }
    }
    return order;
  }
}

/** A `Const` node. */
export function constNode(name: string, value: Tensor): GraphNode {
  const attributes: Attributes = new Map([
    ["value", tensorAttribute(value)],
    ["dtype", typeAttribute(dataTypeOf(value.dtype))],
  ]);
  return { name, op: "Const", inputs: [], attributes };
}
