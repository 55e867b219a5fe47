import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { randomBelow, testSeed } from "../../base/testing/random.ts";
import { joinParts } from "../../base/bytes.ts";
import { CODE, ServingError } from "../../base/status.ts";
import { readGraph } from "./graph/graph_def.ts";
import { findMetaGraph } from "./meta_graph.ts";
import type { SavedModelPlan } from "./plan.ts";
import { planSavedModel } from "./reader.ts";

const MODELS = new URL("../../../tests/models/saved_models/", import.meta.url);

function readFile(name: string): Uint8Array {
  return Deno.readFileSync(new URL(`${name}/1/saved_model.pb`, MODELS));
}

function plan(name: string, bytes = readFile(name), tags = ["serve"]): Promise<SavedModelPlan> {
  return planSavedModel(bytes, {
    tags,
    readAsset: (asset) => Deno.readFileSync(new URL(`${name}/1/assets/${asset}`, MODELS)),
  });
}

/** The operations of a planned graph. */
function opsOf(planned: SavedModelPlan, graph: number): Set<string> {
  const bytes = joinParts(planned.graphs[graph]?.write() ?? []);
  return new Set(readGraph(findMetaGraph(bytes, ["serve"]).graph).nodes.map(({ op }) => op));
}

Deno.test("planSavedModel() feeds the middle of a graph, and shares equal graphs among signatures", async () => {
  const { graphs, signatures, refused } = await plan("half_plus_two");
  assert.deepEqual([...signatures.keys()].sort(), [
    "classify_x_to_y",
    "regress_x2_to_y3",
    "regress_x_to_y",
    "regress_x_to_y2",
    "serving_default",
  ]);
  assert.equal(refused.size, 0);
  assert.equal(graphs.length, 4);
  assert.equal(signatures.get("classify_x_to_y")?.graph, signatures.get("regress_x_to_y")?.graph);
  assert.deepEqual(signatures.get("serving_default")?.feeds, [{ kind: "input", index: 0 }]);
  assert.deepEqual(signatures.get("regress_x_to_y")?.feeds, [{ kind: "feature", index: 0, part: "dense" }]);
  assert.equal(signatures.get("regress_x_to_y")?.definition.methodName, "tensorflow/serving/regress");
});

Deno.test("planSavedModel() shares a graph that was inlined twice under other names", async () => {
  const { graphs, signatures } = await plan("several_signatures");
  assert.equal(graphs.length, 2);
  assert.equal(signatures.get("embed")?.graph, signatures.get("same")?.graph);
  assert.deepEqual(signatures.get("same")?.definition.inputs.map(({ alias }) => alias), ["features"]);
});

Deno.test("planSavedModel() leaves out what the outputs do not need", async () => {
  const planned = await plan("placeholder_with_default");
  assert.deepEqual(planned.signatures.get("unscaled")?.feeds, [{ kind: "input", index: 0 }]);
  assert.deepEqual([...opsOf(await plan("class_labels"), 0)].filter((op) => op.startsWith("ParseExample")), []);
});

Deno.test("planSavedModel() answers constants and what is handed through without the runtime", async () => {
  const { signatures, graphs } = await plan("constant_outputs");
  const kinds = signatures.get("serving_default")?.answers.map(({ kind }) => kind);
  assert.deepEqual(kinds, ["output", "feed", "constant", "constant", "output", "output"]);
  assert.equal(signatures.get("version")?.graph, undefined);
  // A variable is a constant that the server does not read: a zero is added to it.
  assert.deepEqual(graphs[0]?.inputs.map(({ dtype }) => dtype), ["f32", "i32"]);
});

Deno.test("planSavedModel() reads defaults of a signature", async () => {
  const definition = (await plan("signature_defaults")).signatures.get("serving_default")?.definition;
  assert.deepEqual([...definition?.defaults.keys() ?? []], ["bias", "unit"]);
  assert.deepEqual(definition?.defaults.get("unit"), {
    dtype: "string",
    shape: [1],
    strings: [new TextEncoder().encode("mm")],
  });
});

Deno.test("planSavedModel() says why a signature cannot be served, and serves the others", async () => {
  const counter = await plan("counter");
  assert.deepEqual([...counter.signatures.keys()], ["get"]);
  assert.match(counter.refused.get("add") ?? "", /^It writes a variable \(AssignAddVariableOp at .*\)/);
  const labels = await plan("broadcast_strings");
  assert.deepEqual([...labels.signatures.keys()], ["double"]);
  assert.match(labels.refused.get("labels") ?? "", /^BroadcastTo of constant strings .* would corrupt/);
});

Deno.test("planSavedModel() finds the MetaGraph with exactly the tags asked for", async () => {
  const expected = (error: ServingError): boolean =>
    error.code === CODE.NOT_FOUND && /supplied tags: \{ serve \}.*has \{ gpu serve \}/.test(error.message);
  await assert.rejects(() => plan("other_tags"), expected);
  assert.equal((await plan("other_tags", readFile("other_tags"), ["gpu", "serve"])).graphs.length, 1);
});

Deno.test("planSavedModel() replaces the operations that the runtime lacks or breaks on", async () => {
  const cases: readonly [name: string, op: string, replacement: string][] = [
    ["half_plus_two", "ParseExample", "Placeholder"],
    ["multi_hot", "DenseBincount", "OneHot"],
    ["class_labels", "Tile", "GatherV2"],
    ["vocabulary_file", "InitializeTableFromTextFileV2", "LookupTableImportV2"],
    ["control_flow", "PartitionedCall", "StatelessWhile"],
    ["hash_buckets", "PartitionedCall", "Cast"],
  ];
  for (const [name, gone, there] of cases) {
    const planned = await plan(name);
    const ops = new Set(planned.graphs.flatMap((_, i) => [...opsOf(planned, i)]));
    assert.ok(!ops.has(gone), `${name} has ${gone}`);
    assert.ok(ops.has(there), `${name} lacks ${there}: ${[...ops].join()}`);
  }
});

Deno.test("planSavedModel() refuses a file that is cut short anywhere, or is no SavedModel", async () => {
  const whole = readFile("placeholder_with_default");
  for (let length = 0; length < whole.length; length++) {
    await assert.rejects(
      () => plan("placeholder_with_default", whole.subarray(0, length)),
      ServingError,
      `${length} bytes`,
    );
  }
  await assert.rejects(() => plan("half_plus_two", new TextEncoder().encode("no SavedModel at all")), ServingError);
});

Deno.test("planSavedModel() ends with an error of ours whatever a file holds", async () => {
  const seed = testSeed();
  const random = randomBelow(seed);
  const names = (await Array.fromAsync(Deno.readDir(MODELS), ({ name }) => name))
    .filter((name) => existsSync(new URL(`${name}/1/saved_model.pb`, MODELS))).sort();
  let refusals = 0;
  for (const name of names) {
    const original = readFile(name);
    for (let round = 0; round < 30; round++) {
      const bytes = original.slice();
      for (let changes = 1 + random(8); changes > 0; changes--) bytes[random(bytes.length)] = random(256);
      try {
        await plan(name, bytes, name === "other_tags" ? ["serve", "gpu"] : ["serve"]);
      } catch (error) {
        refusals++;
        assert.ok(
          error instanceof ServingError || error instanceof Deno.errors.NotFound,
          `seed ${seed}, ${name}: ${error}`,
        );
      }
    }
  }
  assert.ok(refusals > 0);
});
