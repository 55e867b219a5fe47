/**
 * Which tensor of the checkpoint each variable of a SavedModel is restored from: what its restore functions assign.
 *
 * The runtime finds a variable by the name of its node, so a variable is given its checkpoint key for a name. All that restoring
 * needs besides stays out of the graphs.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import { evaluate, type FindProducer } from "./graph/constants.ts";
import { dataInputs, type FlatGraph, formatRef } from "./graph/flat_graph.ts";
import type { GraphNode } from "./graph/graph_def.ts";
import { textsOf } from "./graph/tensors.ts";

/** Operations that create a variable. */
export const VARIABLES: ReadonlySet<string> = new Set(["VarHandleOp", "VariableV2", "Variable"]);

/** Operations that give a variable or a table its content. */
const INITIALIZERS = new Set([
  "Assign",
  "AssignVariableOp",
  "InitializeTable",
  "InitializeTableFromTextFile",
  "InitializeTableFromTextFileV2",
  "InitializeTableV2",
  "LookupTableImport",
  "LookupTableImportV2",
]);

/** Operations between a value and its assignment that leave it as it is. */
const TRANSPARENT = new Set(["Identity", "NoOp", "Snapshot"]);
const STEPS_MAX = 100;

/** What gives resources their content when a SavedModel is loaded: the nodes, by the name of the resource's node. */
export type Initializers = ReadonlyMap<string, readonly GraphNode[]>;

/** Finds all nodes that give variables and tables their content, those in functions too. */
export function findInitializers(graph: FlatGraph): Initializers {
  const found = new Map<string, GraphNode[]>();
  const initializes = functionsThatInitialize(graph);
  // Expanding a call adds names, which this loop then comes to.
  for (const name of graph.names()) {
    const node = graph.node(name);
    if (node === undefined) continue;
    const called = graph.calledName(node);
    if (called !== undefined) {
      if (initializes(called)) graph.effectsOf(name);
      continue;
    }
    const [resource] = dataInputs(node);
    if (!INITIALIZERS.has(node.op) || resource === undefined) continue;
    const owner = resourceNode(graph, resource);
    if (owner === undefined) continue;
    const nodes = found.get(owner.name);
    if (nodes === undefined) found.set(owner.name, [node]);
    else nodes.push(node);
  }
  return found;
}

/** Whether a function, or one that it calls, gives a resource its content. */
function functionsThatInitialize({ functions }: FlatGraph): (name: string) => boolean {
  const known = new Map<string, boolean>();
  const initializes = (name: string, depth: number): boolean => {
    const answer = known.get(name);
    if (answer !== undefined || depth > STEPS_MAX) return answer ?? false;
    known.set(name, false);
    const { ops, calls } = functions.outlineOf(name);
    const inner = [...calls, ...[...ops].filter((op) => functions.has(op))];
    const does = [...ops].some((op) => INITIALIZERS.has(op)) || inner.some((other) => initializes(other, depth + 1));
    known.set(name, does);
    return does;
  };
  return (name) => initializes(name, 0);
}

/** The node that a reference to a resource leads to; undefined when it is lost on the way. */
export function resourceNode(graph: FlatGraph, ref: string): GraphNode | undefined {
  let current = ref;
  for (let i = 0; i < STEPS_MAX; i++) {
    const node = graph.node(graph.resolve(current).node);
    if (node === undefined || !TRANSPARENT.has(node.op)) return node;
    const [input] = dataInputs(node);
    if (input === undefined) return undefined;
    current = input;
  }
  return undefined;
}

/**
 * The checkpoint key of each variable, by the name of its node.
 *
 * @throws {ServingError} UNIMPLEMENTED for a variable that is stored in slices.
 */
export function findCheckpointKeys(graph: FlatGraph, initializers: Initializers): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  const tensorLists = new Map<string, readonly string[] | undefined>();
  const find: FindProducer = (ref) => graph.find(ref);
  const textsAt = (ref: string): readonly string[] | undefined => {
    const key = formatRef(graph.resolve(ref));
    if (!tensorLists.has(key)) tensorLists.set(key, textsOf(evaluate(ref, find)));
    return tensorLists.get(key);
  };
  for (const [name, nodes] of initializers) {
    for (const { op, inputs } of nodes) {
      if (op !== "Assign" && op !== "AssignVariableOp") continue;
      const restored = restoredTensor(graph, inputs[1] ?? "");
      if (restored === undefined) continue;
      const [, names, slices] = dataInputs(restored.node);
      const key = textsAt(names ?? "")?.[restored.index];
      if (key === undefined) continue;
      if ((textsAt(slices ?? "")?.[restored.index] ?? "") !== "") {
        throw new ServingError(
          CODE.UNIMPLEMENTED,
          `The variable ${name} is stored in slices (a partitioned variable), which cannot be read; export it whole`,
        );
      }
      keys.set(name, key);
    }
  }
  return keys;
}

/** The output of a `RestoreV2` that a value is; undefined when it is anything else. */
function restoredTensor(graph: FlatGraph, ref: string): { node: GraphNode; index: number } | undefined {
  let current = ref;
  for (let i = 0; i < STEPS_MAX; i++) {
    const { node: name, index } = graph.resolve(current);
    const node = graph.node(name);
    if (node?.op === "RestoreV2") return { node, index };
    const [input] = node === undefined || !TRANSPARENT.has(node.op) ? [] : dataInputs(node);
    if (input === undefined) return undefined;
    current = input;
  }
  return undefined;
}
