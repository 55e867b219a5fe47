import assert from "node:assert/strict";
import { CODE } from "../../../base/status.ts";
import type { Tensor } from "../../../base/tensor.ts";
import { servingError } from "../../testing/loading.ts";
import { boolAttribute, numberOf, tensorOf, typeAttribute } from "../graph/attributes.ts";
import { DT } from "../graph/data_types.ts";
import { FunctionLibrary, type GraphNode } from "../graph/graph_def.ts";
import { LiveGraph } from "../graph/live_graph.ts";
import { int32s, int64s, stringTensor } from "../graph/tensors.ts";
import { castHashBuckets, expandDenseBincount } from "./arithmetic.ts";
import type { PassContext } from "./pass.ts";
import { foldStrings, gatherTiledStrings, refuseUnsafeStrings } from "./string_constants.ts";
import { fillTables, tableImport } from "./tables.ts";
import { nameVariables } from "./variables.ts";

const STRINGS = { T: typeAttribute(DT.STRING) };
const CONTEXT: PassContext = {
  checkpointKeys: new Map([["v", "layer/kernel"]]),
  readTable: () => ({ keys: texts("a", "b"), values: int64s([0, 1]) }),
};

function texts(...values: string[]): Tensor {
  return stringTensor(values.map((value) => new TextEncoder().encode(value)));
}

function newGraph(): LiveGraph {
  const live = new LiveGraph(new FunctionLibrary());
  live.putOp("x", "Placeholder", [], { dtype: typeAttribute(DT.FLOAT) });
  return live;
}

function ops(live: LiveGraph, ref: string): string[] {
  return live.sorted([ref]).map(({ op }: GraphNode) => op);
}

Deno.test("foldStrings() makes a constant of strings that are sliced, and leaves numbers alone", () => {
  const live = newGraph();
  const at = (name: string, value: number): string => live.putConst(name, int32s([value]));
  const all = live.putConst("all", texts("unused", "cat", "dog"));
  const range = [at("begin", 1), at("end", 3), at("stride", 1)];
  const slice = live.putOp("slice", "StridedSlice", [all, ...range], STRINGS);
  const numbers = live.putOp("numbers", "StridedSlice", [at("one", 1), ...range], { T: typeAttribute(DT.INT32) });
  foldStrings(live, live.sorted([slice, numbers]));
  const folded = live.node("slice") as GraphNode;
  assert.equal(folded.op, "Const");
  assert.deepEqual(tensorOf(folded.attributes, "value"), texts("cat", "dog"));
  assert.equal(live.node("numbers")?.op, "StridedSlice");
});

Deno.test("gatherTiledStrings() repeats a row by a gather, and only a row", () => {
  const live = newGraph();
  const rows = live.putOp("rows", "Size", ["x"], {});
  const one = live.putConst("one", int32s([1], []));
  const row = live.putConst("row", { ...texts("a", "b"), shape: [1, 2] });
  const tiled = live.putOp("tiled", "Tile", [row, live.putOp("pack", "Pack", [rows, one], {})], STRINGS);
  const wide = live.putOp("wide", "Tile", [row, live.putOp("pack2", "Pack", [rows, rows], {})], STRINGS);
  const nodes = live.sorted([tiled, wide]);
  gatherTiledStrings(live, nodes);
  assert.equal(live.node("tiled")?.op, "GatherV2");
  assert.equal(live.node("wide")?.op, "Tile");
  assert.ok(!ops(live, "tiled").includes("Tile"));
  assert.throws(
    () => refuseUnsafeStrings(live, live.sorted([wide])),
    servingError(CODE.UNIMPLEMENTED, /^Tile of constant strings \(at wide\) would corrupt/),
  );
  refuseUnsafeStrings(live, live.sorted([tiled]));
});

Deno.test("expandDenseBincount() takes the maximum or the sum of one-hot rows", () => {
  for (const [isBinary, reduction] of [[true, "Max"], [false, "Sum"]] as const) {
    const live = newGraph();
    const size = live.putConst("size", int64s([4], []));
    const weights = live.putConst("weights", { dtype: "f32", shape: [0], bytes: new Uint8Array(0) });
    live.putOp("count", "DenseBincount", ["x", size, weights], {
      Tidx: typeAttribute(DT.INT64),
      T: typeAttribute(DT.FLOAT),
      binary_output: boolAttribute(isBinary),
    });
    expandDenseBincount(live, live.sorted(["count"]));
    assert.deepEqual(ops(live, "count").filter((op) => op !== "Const" && op !== "Placeholder"), [
      "Cast",
      "OneHot",
      reduction,
      "Cast",
    ]);
  }
});

Deno.test("castHashBuckets() has everything that used the buckets use them cast there and back", () => {
  const live = newGraph();
  live.putOp("hash", "StringToHashBucketFast", ["x"], {});
  const used = live.putOp("used", "Identity", ["hash"], {});
  castHashBuckets(live, live.sorted([used]));
  const casts = live.sorted([used]).filter(({ op }) => op === "Cast");
  assert.deepEqual(casts.map(({ attributes }) => numberOf(attributes, "DstT")), [DT.INT32, DT.INT64]);
  assert.deepEqual(ops(live, used), ["Placeholder", "StringToHashBucketFast", "Cast", "Cast", "Identity"]);
});

Deno.test("fillTables() puts an import of constants beside a table", () => {
  const live = newGraph();
  live.putOp("table", "MutableHashTableV2", [], {});
  fillTables(live, live.sorted(["table"]), CONTEXT);
  assert.equal(live.node("table")?.op, "HashTableV2");
  assert.deepEqual(ops(live, tableImport("table")), ["HashTableV2", "Const", "Const", "LookupTableImportV2"]);
});

Deno.test("nameVariables() gives variables their checkpoint keys, and leaves unknown ones alone", () => {
  const live = newGraph();
  live.putOp("v", "VarHandleOp", [], {});
  live.putOp("w", "VarHandleOp", [], {});
  const sum = live.putOp("sum", "AddV2", ["v", "w"], {});
  nameVariables(live, live.sorted([sum]), CONTEXT);
  assert.deepEqual(live.sorted([sum]).map(({ name }) => name), ["layer/kernel", "w", "sum"]);
});
