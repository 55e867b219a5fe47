/**
 * Names variables by their checkpoint keys, which is how the runtime finds them without the graph that restores them.
 *
 * @module
 */
import type { GraphNode } from "../graph/graph_def.ts";
import type { LiveGraph } from "../graph/live_graph.ts";
import { VARIABLES } from "../variables.ts";
import type { PassContext } from "./pass.ts";

/** Renames variables. One whose key is not known keeps its name: the runtime knows other ways to find it. */
export function nameVariables(live: LiveGraph, nodes: readonly GraphNode[], { checkpointKeys }: PassContext): void {
  for (const node of nodes) {
    if (!VARIABLES.has(node.op)) continue;
    const key = checkpointKeys.get(node.name);
    const op = node.op === "Variable" ? "VariableV2" : node.op;
    if (key === undefined || (key === node.name && op === node.op)) continue;
    live.redirect(node.name, live.put({ ...node, name: key, op }));
  }
}
