/**
 * What a pass over a signature's graph gets and does. Types only.
 *
 * @module
 */
import type { LiveGraph } from "../graph/live_graph.ts";
import type { GraphNode } from "../graph/graph_def.ts";
import type { TableContent } from "../tables.ts";

/** What passes need to know besides the graph. */
export interface PassContext {
  /** The checkpoint key of each variable, by the name of its node. */
  readonly checkpointKeys: ReadonlyMap<string, string>;
  /** The content of a table. @throws {ServingError} when it is not known before the model runs. */
  readonly readTable: (table: GraphNode) => TableContent;
}

/**
 * Changes a graph so that the runtime reads it, without changing what it computes.
 *
 * @param nodes what the outputs need, producers first.
 * @throws {ServingError} UNIMPLEMENTED for what cannot be done, in a sentence with the operation and its node.
 */
export type Pass = (live: LiveGraph, nodes: readonly GraphNode[], context: PassContext) => void;
