/**
 * Tells equal graphs: two signatures with the same computation differ in the names of their nodes when a function is inlined twice.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { GraphNode } from "./graph/graph_def.ts";
import { parseRef } from "./graph/flat_graph.ts";
import type { RewrittenSignature } from "./rewriting.ts";
import { TABLES } from "./tables.ts";
import { VARIABLES } from "./variables.ts";

/** A hash that graphs have in common exactly when they compute the same from the same inputs, in the same order. */
export function hashGraph({ nodes, inputs, outputs }: RewrittenSignature): string {
  const hash = createHash("sha256");
  const ids = new Map<string, number>();
  for (const node of nodes) {
    ids.set(node.name, ids.size);
    hash.update(head(node, ids));
    for (const [name, value] of [...node.attributes].sort(([a], [b]) => a < b ? -1 : 1)) {
      // Attributes with an underscore are hints of TensorFlow's own: classes, shapes that were inferred.
      if (!name.startsWith("_")) hash.update(`@${name}=${value.length}:`).update(value);
    }
  }
  const ends = [...inputs.map(({ placeholder }) => placeholder), "", ...outputs].map((name) => ids.get(name));
  return hash.update(ends.join()).digest("hex");
}

function head({ name, op, inputs }: GraphNode, ids: ReadonlyMap<string, number>): string {
  const refs = inputs.map((input) => {
    const { node, index } = parseRef(input);
    return `${ids.get(node)}:${index}`;
  });
  // Which variable or table it is, its name says.
  const identity = VARIABLES.has(op) || TABLES.has(op) ? name : "";
  return `;${op}(${refs.join()})${identity}`;
}
