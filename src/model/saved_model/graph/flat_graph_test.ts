import assert from "node:assert/strict";
import { CODE } from "../../../base/status.ts";
import { concat, field, servingError } from "../../testing/loading.ts";
import { FlatGraph, formatRef, parseRef } from "./flat_graph.ts";
import { readGraph } from "./graph_def.ts";

/** An `AttrValue` that names a function. */
function functionAttribute(name: string): Uint8Array {
  return concat([field(10, [field(1, name)])]);
}

function node(name: string, op: string, inputs?: readonly string[], called?: string): Uint8Array {
  return concat([
    field(1, name),
    field(2, op),
    ...(inputs ?? []).map((input) => field(3, input)),
    ...called === undefined ? [] : [field(5, [field(1, "f"), field(2, functionAttribute(called))])],
  ]);
}

interface FunctionParts {
  readonly args: readonly string[];
  readonly results: Readonly<Record<string, string>>;
  readonly nodes: readonly Uint8Array[];
  readonly effects?: readonly string[];
}

function functionDef(name: string, { args, results, nodes, effects = [] }: FunctionParts): Uint8Array {
  return concat([
    field(1, [
      field(1, name),
      ...args.map((arg) => field(2, [field(1, arg)])),
      ...Object.keys(results).map((result) => field(3, [field(1, result)])),
    ]),
    ...nodes.map((bytes) => field(3, bytes)),
    ...Object.entries(results).map(([result, ref]) => field(4, [field(1, result), field(2, ref)])),
    ...effects.map((effect) => field(6, [field(1, effect), field(2, effect)])),
  ]);
}

function graphOf(nodes: readonly Uint8Array[], functions: readonly Uint8Array[] = []): FlatGraph {
  const library = field(2, functions.map((bytes) => field(1, bytes)));
  return new FlatGraph(readGraph(concat([...nodes.map((bytes) => field(1, bytes)), library])));
}

Deno.test("parseRef() and formatRef() read and write references", () => {
  assert.deepEqual(parseRef("a/b:2"), { node: "a/b", index: 2 });
  assert.deepEqual(parseRef("a"), { node: "a", index: 0 });
  assert.deepEqual(parseRef("^a"), { node: "a", index: 0 });
  assert.equal(formatRef(parseRef("a:0")), "a");
});

Deno.test("FlatGraph follows calls to what computes their results, outputs of several by name", () => {
  const inner = functionDef("best", {
    args: ["x"],
    results: { second: "top:indices:0", handed: "x" },
    nodes: [node("top", "TopKV2", ["x", "k:output:0"]), node("k", "Const")],
  });
  const graph = graphOf([node("p", "Placeholder"), node("call", "PartitionedCall", ["p"], "best")], [inner]);
  assert.deepEqual(graph.resolve("call"), { node: "call/top", index: 1 });
  assert.deepEqual(graph.resolve("call:1"), { node: "p", index: 0 });
  assert.deepEqual(graph.node("call/top")?.inputs, ["p", "call/k"]);
});

Deno.test("FlatGraph finds what a call runs for its effects alone", () => {
  const counting = functionDef("count", {
    args: ["v"],
    results: { y: "read:value:0" },
    nodes: [node("read", "ReadVariableOp", ["v"]), node("add", "AssignAddVariableOp", ["v", "v"])],
    effects: ["add"],
  });
  const graph = graphOf([node("v", "VarHandleOp"), node("call", "StatefulPartitionedCall", ["v"], "count")], [
    counting,
  ]);
  assert.deepEqual(graph.effectsOf("call"), ["call/add"]);
});

Deno.test("FlatGraph refuses references to nothing", () => {
  const graph = graphOf([node("a", "Identity", ["missing"])]);
  assert.throws(() => graph.resolve("missing"), servingError(CODE.INVALID_ARGUMENT, /is computed by no node/));
  const lost = functionDef("lost", { args: [], results: { y: "nowhere:y:0" }, nodes: [] });
  assert.throws(
    () => graphOf([node("call", "PartitionedCall", [], "lost")], [lost]).resolve("call"),
    servingError(CODE.INVALID_ARGUMENT, /uses nowhere:y:0, which it does not have/),
  );
});

Deno.test("FlatGraph ends recursion, and calls that multiply", () => {
  const forever = functionDef("f", {
    args: ["x"],
    results: { y: "again:output:0" },
    nodes: [node("again", "PartitionedCall", ["x"], "f")],
  });
  const recursive = graphOf([node("p", "Placeholder"), node("call", "PartitionedCall", ["p"], "f")], [forever]);
  assert.throws(() => recursive.resolve("call"), servingError(CODE.INVALID_ARGUMENT, /nest more than 100 deep/));

  const doubling = Array.from({ length: 40 }, (_, i) =>
    functionDef(`f${i}`, {
      args: ["x"],
      results: { y: "sum:sum:0" },
      nodes: [
        node("one", "PartitionedCall", ["x"], `f${i + 1}`),
        node("two", "PartitionedCall", ["one:output:0"], `f${i + 1}`),
        node("sum", "AddN", ["one:output:0", "two:output:0"]),
      ],
    }));
  const many = graphOf([node("p", "Placeholder"), node("call", "PartitionedCall", ["p"], "f0")], doubling);
  const visitAll = (): void => {
    const pending = ["call"];
    for (let ref = pending.pop(); ref !== undefined; ref = pending.pop()) {
      const found = many.find(ref);
      pending.push(...found?.node.inputs ?? []);
    }
  };
  assert.throws(visitAll, servingError(CODE.INVALID_ARGUMENT, /too many nodes when all calls are followed/));
});
