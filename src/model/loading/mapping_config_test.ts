import assert from "node:assert/strict";
import { CODE } from "../../base/status.ts";
import { FakeEngine, type FakePort } from "../../engine/testing/fake_engine.ts";
import { servingError, VersionFolder } from "../testing/loading.ts";
import { applyMapping, readMappingConfig } from "./mapping_config.ts";
import { type NamedSignatures, signaturesOfPorts } from "./signatures.ts";

async function apply(mapping: unknown): Promise<NamedSignatures> {
  using folder = new VersionFolder();
  const port = (...names: string[]): FakePort => ({ names, dtype: "f32", shape: [-1] });
  const model = { inputs: [port("a", "a:0"), port("b")], outputs: [port("y", "y:0"), port("z")] };
  using read = await new FakeEngine().read(folder.writeModel(model).path);
  const text = typeof mapping === "string" ? mapping : JSON.stringify(mapping);
  const config = await readMappingConfig(folder.write("mapping_config.json", text));
  return applyMapping(signaturesOfPorts(read), config, read);
}

async function names(mapping: unknown): Promise<[inputs: string[], outputs: string[]]> {
  const signature = (await apply(mapping)).signatures.get("serving_default");
  assert.ok(signature !== undefined);
  return [signature.inputs.map(({ name }) => name), signature.outputs.map(({ name }) => name)];
}

Deno.test("a mapping renames a tensor by any of its names, and keeps other names", async () => {
  assert.deepEqual(await names({ inputs: { a: "image" }, outputs: { "y:0": "scores" } }), [
    ["image", "b"],
    ["scores", "z"],
  ]);
  assert.deepEqual(await names({ inputs: { a: "b", b: "a" } }), [["b", "a"], ["y", "z"]]);
  assert.deepEqual(await names({}), [["a", "b"], ["y", "z"]]);
});

Deno.test("a mapping keeps the tensor's own name beside the new one", async () => {
  const signature = (await apply({ inputs: { a: "image" } })).signatures.get("serving_default");
  assert.deepEqual(signature?.inputs[0], { name: "image", tensorName: "a", port: 0 });
});

for (
  const [mapping, message] of [
    ["{", "it is not JSON"],
    [[], "it is not an object"],
    [{ inputs: "a" }, "inputs is not an object"],
    [{ input: {} }, 'it has the key "input"; only "inputs" and "outputs" are allowed'],
    [{ inputs: { a: 1 } }, "inputs.a is 1, which is not a name"],
    [{ inputs: { a: "" } }, 'inputs.a is "", which is not a name'],
    [{ inputs: { y: "x" } }, "the model has no input y, its inputs are a, b"],
    [{ outputs: { nowhere: "x" } }, "the model has no output nowhere, its outputs are y, z"],
    [{ inputs: { a: "x", "a:0": "w" } }, "it names the input a twice"],
    [{ inputs: { a: "b" } }, "two inputs would be called b"],
    [{ outputs: { y: "same", z: "same" } }, "two outputs would be called same"],
  ] as const
) {
  Deno.test(`a mapping is rejected: ${message}`, async () => {
    const expected = new RegExp(`^Cannot use mapping_config.json: ${message.replace(/[."]/g, "\\$&")}$`);
    await assert.rejects(() => apply(mapping), servingError(CODE.INVALID_ARGUMENT, expected));
  });
}
