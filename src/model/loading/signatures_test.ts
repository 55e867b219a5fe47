import assert from "node:assert/strict";
import { FakeEngine, type FakePort } from "../../engine/testing/fake_engine.ts";
import type { Model } from "../../engine/engine.ts";
import { VersionFolder } from "../testing/loading.ts";
import type { SavedSignature } from "../saved_model/saved_model.ts";
import { type NamedSignatures, signaturesOfPorts, signaturesOfSavedModel, toServableSignature } from "./signatures.ts";

function port(...names: string[]): FakePort {
  return { names, dtype: "f32", shape: [-1, 2] };
}

async function readModel(ports: { inputs: readonly FakePort[]; outputs: readonly FakePort[] }): Promise<Model> {
  using folder = new VersionFolder();
  return await new FakeEngine().read(folder.writeModel(ports).path);
}

function saved(inputs: Record<string, string>, outputs: Record<string, string>, methodName = ""): SavedSignature {
  return { inputs: new Map(Object.entries(inputs)), outputs: new Map(Object.entries(outputs)), methodName };
}

/** `name=tensor@port` of all inputs and outputs, a signature a line. */
function lines({ signatures }: NamedSignatures): string[] {
  return [...signatures].map(([name, { inputs, outputs }]) => {
    const list = (ports: typeof inputs) => ports.map((p) => `${p.name}=${p.tensorName}@${p.port}`).join(" ");
    return `${name}: ${list(inputs)} -> ${list(outputs)}`;
  });
}

Deno.test("signaturesOfPorts() names each port by its preferred name", async () => {
  using model = await readModel({ inputs: [port("a", "a:0"), port("b")], outputs: [port("y", "y:0")] });
  assert.deepEqual(lines(signaturesOfPorts(model)), ["serving_default: a=a@0 b=b@1 -> y=y@0"]);
});

Deno.test("signaturesOfPorts() separates an input passed through from the input, and lists a repeated output once", async () => {
  using model = await readModel({ inputs: [port("x", "same")], outputs: [port("x", "same"), port("y"), port("y")] });
  assert.deepEqual(lines(signaturesOfPorts(model)), ["serving_default: x=x@0 -> same=same@0 y=y@1"]);
  using through = await readModel({ inputs: [port("x")], outputs: [port("x")] });
  assert.deepEqual(lines(signaturesOfPorts(through)), ["serving_default: x=x@0 -> x=x@0"]);
});

Deno.test("signaturesOfSavedModel() keeps a signature's names, in the order of the ports", async () => {
  using model = await readModel({ inputs: [port("p"), port("q")], outputs: [port("y"), port("z")] });
  const signature = saved({ q: "q_in:0", p: "p_in:0" }, { z: "call:1", y: "call:0" }, "tensorflow/serving/predict");
  const named = signaturesOfSavedModel(model, new Map([["serving_default", signature]]));
  assert.deepEqual(lines(named), ["serving_default: p=p_in:0@0 q=q_in:0@1 -> y=call:0@0 z=call:1@1"]);
  assert.deepEqual(named.notes, []);
  assert.equal(named.signatures.get("serving_default")?.methodName, "tensorflow/serving/predict");
});

Deno.test("signaturesOfSavedModel() finds one tensor under several names and in several signatures", async () => {
  // The runtime keeps one name of a tensor that the signature names twice.
  using model = await readModel({ inputs: [port("x")], outputs: [port("z"), port("b")] });
  const named = signaturesOfSavedModel(
    model,
    new Map([
      ["serving_default", saved({ x: "x_in:0" }, { a: "twice:0", z: "twice:0", b: "b:0" })],
      ["regress", saved({ inputs: "x_in:0" }, { outputs: "b:0" }, "tensorflow/serving/regress")],
    ]),
  );
  assert.deepEqual(lines(named), [
    "serving_default: x=x_in:0@0 -> a=twice:0@0 z=twice:0@0 b=b:0@1",
    "regress: inputs=x_in:0@0 -> outputs=b:0@1",
  ]);
});

Deno.test("signaturesOfSavedModel() leaves out what the runtime cannot infer and says so", async () => {
  using model = await readModel({ inputs: [port("x"), port("n")], outputs: [port("y")] });
  const { signatures, notes } = signaturesOfSavedModel(
    model,
    new Map([
      ["serving_default", saved({ x: "x:0", n: "n:0" }, { y: "y:0" })],
      ["fewer", saved({ x: "x:0" }, { y: "y:0" })],
      ["twice", saved({ x: "x:0", again: "x:0" }, { y: "y:0" })],
      ["elsewhere", saved({ x: "x:0", n: "n:0" }, { far: "far:0" })],
      ["__saved_model_init_op", saved({}, { "__saved_model_init_op": "NoOp" })],
    ]),
  );
  assert.deepEqual([...signatures.keys()], ["serving_default"]);
  assert.deepEqual(notes, [
    "The signature fewer is not served: its inputs are not those of the model",
    "The signature twice is not served: its inputs are not those of the model",
    "The signature elsewhere is not served: the runtime does not have its tensor far",
  ]);
});

Deno.test("signaturesOfSavedModel() without a default signature serves the others, unless one name means two tensors", async () => {
  using model = await readModel({ inputs: [port("x")], outputs: [port("y"), port("z")] });
  const alone = signaturesOfSavedModel(
    model,
    new Map([["one", saved({ x: "x:0" }, { y: "y:0" })], ["two", saved({ x: "x:0" }, { z: "z:0" })]]),
  );
  assert.deepEqual(lines(alone), ["one: x=x:0@0 -> y=y:0@0", "two: x=x:0@0 -> z=z:0@1"]);
  const ambiguous = signaturesOfSavedModel(
    model,
    new Map([["one", saved({ x: "one_x:0" }, { y: "y:0" })], ["two", saved({ x: "two_x:0" }, { z: "z:0" })]]),
  );
  assert.deepEqual(lines(ambiguous), ["serving_default: x=x@0 -> y=y@0 z=z@1"]);
  assert.equal(ambiguous.notes.length, 3);
});

Deno.test("toServableSignature() lists the ports of the outputs, unless they are all ports", async () => {
  using model = await readModel({ inputs: [port("x")], outputs: [port("y"), port("z")] });
  const spec = (name: string) => ({ name, tensorName: name, port: model.findPort(name, "output") ?? -1 });
  const inputs = [{ name: "image", tensorName: "x", port: 0 }];
  const all = toServableSignature({ inputs, outputs: [spec("y"), spec("z")] }, model, { checksIntegerRange: true });
  assert.equal(all.outputPorts, undefined);
  const shape = [{ min: 0, max: Infinity }, { min: 2, max: 2 }];
  assert.deepEqual(all.inputs, [{ name: "image", tensorName: "x", dtype: "f32", shape }]);
  const some = toServableSignature({ inputs, outputs: [spec("z")], methodName: "tensorflow/serving/regress" }, model, {
    checksIntegerRange: true,
  });
  assert.deepEqual(some.outputPorts, [1]);
  assert.equal(some.methodName, "tensorflow/serving/regress");
});
