import assert from "node:assert/strict";
import { FakeEngine, type FakePort } from "../../engine/testing/fake_engine.ts";
import type { Model } from "../../engine/engine.ts";
import { VersionFolder } from "../testing/loading.ts";
import { type NamedSignatures, signaturesOfPorts, toServableSignature } from "./signatures.ts";

function port(...names: string[]): FakePort {
  return { names, dtype: "f32", shape: [-1, 2] };
}

async function readModel(ports: { inputs: readonly FakePort[]; outputs: readonly FakePort[] }): Promise<Model> {
  using folder = new VersionFolder();
  return await new FakeEngine().read(folder.writeModel(ports).path);
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
