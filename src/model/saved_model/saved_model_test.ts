import assert from "node:assert/strict";
import { CODE } from "../../base/status.ts";
import { concat, field, servingError, VersionFolder } from "../testing/loading.ts";
import { readSignatures, type SavedSignature } from "./saved_model.ts";

async function read(content: Uint8Array): Promise<ReadonlyMap<string, SavedSignature>> {
  using folder = new VersionFolder();
  return await readSignatures(folder.write("saved_model.pb", content));
}

/** A `MetaGraphDef` with one signature `name`, behind a graph of some size. */
function graph(tags: readonly string[], name: string, graphBytes = 10): Uint8Array {
  const info = (tensorName: string) => [field(1, tensorName), field(2, 1)];
  const signature = [
    field(1, [field(1, "x"), field(2, info("x_in:0"))]),
    field(2, [field(1, "y"), field(2, info("y_out:0"))]),
    field(3, "tensorflow/serving/predict"),
  ];
  return field(2, [
    field(1, [field(1, "version"), ...tags.map((tag) => field(4, tag))]),
    field(2, new Uint8Array(graphBytes)),
    field(5, [field(1, name), field(2, signature)]),
  ]);
}

const SIGNATURE: SavedSignature = {
  inputs: new Map([["x", "x_in:0"]]),
  outputs: new Map([["y", "y_out:0"]]),
  methodName: "tensorflow/serving/predict",
};

Deno.test("readSignatures() reads the signatures behind a graph of any size", async () => {
  const file = concat([field(1, 1), graph(["serve"], "serving_default", 1_000_000)]);
  assert.deepEqual(await read(file), new Map([["serving_default", SIGNATURE]]));
});

Deno.test("readSignatures() takes the graph that is for serving alone, else the first that is for serving too", async () => {
  const train = graph(["train"], "train");
  const gpu = graph(["serve", "gpu"], "gpu");
  const tpu = graph(["serve", "tpu"], "tpu");
  const serve = graph(["serve"], "serve");
  assert.deepEqual([...(await read(concat([train, gpu, serve]))).keys()], ["serve"]);
  assert.deepEqual([...(await read(concat([train, gpu, tpu]))).keys()], ["gpu"]);
  assert.deepEqual([...(await read(train)).keys()], []);
});

Deno.test("readSignatures() refuses a file that is cut short anywhere", async () => {
  const whole = graph(["serve"], "serving_default");
  for (let length = 1; length < whole.length; length++) {
    const expected = servingError(CODE.DATA_LOSS, /^Cannot read .*saved_model\.pb: it is no whole SavedModel$/);
    await assert.rejects(() => read(whole.subarray(0, length)), expected, `${length} bytes`);
  }
});
