/**
 * Operations that the runtime has no translation for, or a wrong one, made of others.
 *
 * @module
 */
import type { GraphNode } from "../graph/graph_def.ts";
import type { LiveGraph } from "../graph/live_graph.ts";
import { boolAttribute, intAttribute, numberOf, typeAttribute } from "../graph/attributes.ts";
import { DT } from "../graph/data_types.ts";
import { float32s, int32s } from "../graph/tensors.ts";

/** `DenseBincount` (multi-hot and count encoding) as the maximum or the sum of one-hot rows. */
export function expandDenseBincount(live: LiveGraph, nodes: readonly GraphNode[]): void {
  for (const { op, name, inputs, attributes } of nodes) {
    if (op !== "DenseBincount") continue;
    const [input = "", size = "", weights] = inputs;
    // Weights that are given count for themselves, which one-hot rows do not.
    if (weights !== undefined && live.producer(weights)?.op !== "Const") continue;
    const type = numberOf(attributes, "Tidx");
    const resultType = numberOf(attributes, "T");
    const depth = live.putOp(`${name}/depth`, "Cast", [size], {
      SrcT: typeAttribute(type),
      DstT: typeAttribute(DT.INT32),
    });
    const oneHot = live.putOp(`${name}/one_hot`, "OneHot", [
      input,
      depth,
      live.putConst(`${name}/on`, float32s([1], [])),
      live.putConst(`${name}/off`, float32s([0], [])),
    ], { axis: intAttribute(-1), T: typeAttribute(DT.FLOAT), TI: typeAttribute(type) });
    const isBinary = numberOf(attributes, "binary_output") === 1;
    const axis = live.putConst(`${name}/axis`, int32s([-2]));
    const reduced = live.putOp(`${name}/counts`, isBinary ? "Max" : "Sum", [oneHot, axis], {
      T: typeAttribute(DT.FLOAT),
      Tidx: typeAttribute(DT.INT32),
      keep_dims: boolAttribute(false),
    });
    live.putOp(name, "Cast", [reduced], { SrcT: typeAttribute(DT.FLOAT), DstT: typeAttribute(resultType) });
  }
}

/** Hash buckets are computed as 32-bit integers but declared as 64-bit ones: a cast there and back makes them what they say. */
export function castHashBuckets(live: LiveGraph, nodes: readonly GraphNode[]): void {
  for (const node of nodes) {
    const { op, name } = node;
    if (op !== "StringToHashBucketFast") continue;
    // What refers to the node is to mean the cast, which refers to the node itself.
    const bucket = live.put({ ...node, name: `${name}/bucket` });
    const narrow = live.putOp(`${name}/as_int32`, "Cast", [bucket], {
      SrcT: typeAttribute(DT.INT64),
      DstT: typeAttribute(DT.INT32),
    });
    live.putOp(name, "Cast", [narrow], { SrcT: typeAttribute(DT.INT32), DstT: typeAttribute(DT.INT64) });
  }
}
