/** SageMaker's contract, as TensorFlow Serving's container for it keeps it. */
import assert from "node:assert/strict";
import type { FakeModelFile } from "../../../src/engine/testing/fake_engine.ts";
import { sagemakerRoutes } from "../../../src/apis/sagemaker/routes.ts";
import { RestRig, seen, type SeenReply } from "../tensorflow_serving/rest_conformance/rig.ts";

const PLUS_TWO: FakeModelFile = {
  inputs: [{ names: ["x"], dtype: "f32", shape: [-1, -1] }],
  outputs: [{ names: ["y"], dtype: "f32", shape: [-1, -1] }],
  compute: "add",
  value: 2,
};
const TEXT: FakeModelFile = {
  inputs: [{ names: ["s"], dtype: "string" }],
  outputs: [{ names: ["t"], dtype: "string" }],
};

function start(): Promise<RestRig> {
  return RestRig.start({ plus_two: [PLUS_TWO, { ...PLUS_TWO, value: 3 }], text: [TEXT] });
}

async function send(rig: RestRig, path: string, init: RequestInit = {}): Promise<SeenReply> {
  const handler = rig.handler({}, [sagemakerRoutes(rig.services, "plus_two")]);
  return await seen(await handler(new Request(`http://localhost${path}`, { method: "POST", ...init })));
}

const ATTRIBUTES = "x-amzn-sagemaker-custom-attributes";

Deno.test("A ping tells whether the model can be called", async () => {
  await using rig = await start();
  const ping = async (attributes: string) =>
    (await send(rig, "/ping", { method: "GET", headers: { [ATTRIBUTES]: attributes } })).status;
  assert.equal(await ping(""), 200);
  assert.equal(await ping("tfs-model-name=text"), 200);
  assert.equal(await ping("tfs-model-name=plus_two,tfs-model-version=9"), 502);
  assert.equal(await ping("tfs-model-name=nope"), 502);
});

Deno.test("Without the contract there are no such paths", async () => {
  await using rig = await start();
  assert.equal((await rig.send("GET", "/ping")).status, 404);
  assert.equal((await rig.send("POST", "/invocations", "{}")).status, 404);
});

Deno.test("Bodies of several forms become what Predict takes", async () => {
  await using rig = await start();
  const json = "application/json";
  const rows = "[[4.0, 5.0], [6.0, 7.0]\n    ]";
  const cases: readonly (readonly [string, string, string])[] = [
    [json, '{"instances": [[1, 2], [3, 4]]}', `"predictions": ${rows}`],
    [
      "application/json; charset=utf-8",
      '{"inputs": [[1]]}',
      '"outputs": [\n        [\n            4.0\n        ]\n    ]',
    ],
    [json, "[[1, 2], [3, 4]]", `"predictions": ${rows}`],
    [json, "[1, 2]", '"predictions": [[4.0, 5.0]\n    ]'],
    ["application/jsonlines", '{"x": [1, 2]}\n{"x": [3, 4]}\n', `"predictions": ${rows}`],
    ["application/jsons", "[1, 2]\r\n[3, 4]", `"predictions": ${rows}`],
    ["text/csv", "1,2\n3,4\n", `"predictions": ${rows}`],
  ];
  for (const [type, body, expected] of cases) {
    const reply = await send(rig, "/invocations", { headers: { "content-type": type }, body });
    assert.deepEqual([reply.status, reply.text], [200, `{\n    ${expected}\n}`], `${type} ${body}`);
  }
  const words = await send(rig, "/invocations", {
    headers: { "content-type": "text/csv", [ATTRIBUTES]: "tfs-model-name=text" },
    body: 'hello "you",there\n',
  });
  assert.deepEqual(JSON.parse(words.text), { predictions: [['hello "you"', "there"]] });
});

Deno.test("Attributes name the model, its version and the method", async () => {
  await using rig = await start();
  const invoke = (attributes: string) =>
    send(rig, "/invocations", {
      headers: { "content-type": "application/json", [ATTRIBUTES]: attributes },
      body: "[[1]]",
    });
  assert.match((await invoke("tfs-model-version=1")).text, /\[\[3\.0\]/);
  assert.match((await invoke("tfs-model-name=plus_two,tfs-method=predict")).text, /\[\[4\.0\]/);
  const classified = await invoke("tfs-method=classify");
  assert.deepEqual([classified.status, /examples/.test(classified.text)], [400, true]);
  const unknown = await invoke("tfs-method=explain");
  assert.equal(unknown.status, 400);
  assert.match(unknown.text, /Malformed request: POST \/v1\/models\/plus_two:explain/);
  assert.equal((await invoke("tfs-model-name=nope")).status, 404);
});

Deno.test("A client that takes lines of JSON gets one", async () => {
  await using rig = await start();
  const headers = { "content-type": "application/json", accept: "application/jsonlines, text/plain" };
  const reply = await send(rig, "/invocations", { headers, body: "[[1, 2]]" });
  assert.equal(reply.text, '{    "predictions": [[4.0, 5.0]    ]}');
  assert.equal(reply.headers.get("content-type"), "application/jsonlines");
});

Deno.test("What is no form that is known is refused", async () => {
  await using rig = await start();
  const image = await send(rig, "/invocations", { headers: { "content-type": "image/png" }, body: "x" });
  assert.deepEqual([image.status, image.text], [415, '{\n    "error": "Unsupported Media Type: image/png"\n}']);
});

/** What `np.save` writes, version 1. */
function npy(descr: string, shape: string, data: ArrayBuffer): Uint8Array<ArrayBuffer> {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117) + "\n";
  const bytes = new Uint8Array(10 + header.length + data.byteLength);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, header.length, 0]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(data), 10 + header.length);
  return bytes;
}

Deno.test("an array in NumPy's format is the model's only input", async () => {
  await using rig = await start();
  const invoke = (body: Uint8Array<ArrayBuffer>) =>
    send(rig, "/invocations", { headers: { "content-type": "application/x-npy" }, body });
  const expected = '{\n    "predictions": [[4.0, 5.5]\n    ]\n}';
  assert.equal((await invoke(npy("<f4", "(1, 2)", Float32Array.of(1, 2.5).buffer))).text, expected);
  assert.equal((await invoke(npy("<f8", "(1, 2)", Float64Array.of(1, 2.5).buffer))).text, expected);
  const integers = await invoke(npy("<i8", "(2, 1)", BigInt64Array.of(1n, -2n).buffer));
  assert.equal(integers.text, '{\n    "predictions": [[4.0], [1.0]\n    ]\n}');
  const wrong: readonly (readonly [Uint8Array<ArrayBuffer>, RegExp])[] = [
    [npy("<f4", "(1, 3)", Float32Array.of(1, 2.5).buffer), /it has 8 bytes of data, expected 12/],
    [npy(">f4", "(1, 2)", Float32Array.of(1, 2.5).buffer), /its type >f4 is not supported/],
    [npy("<f4", "(1, x)", new ArrayBuffer(0)), /its header cannot be read/],
    [new TextEncoder().encode("not an array"), /it has no header/],
    [npy("<f4", "(2,)", Float32Array.of(1, 2.5).buffer), /Invalid number of shape dimensions/],
  ];
  for (const [body, message] of wrong) {
    const reply = await invoke(body);
    assert.equal(reply.status, 400);
    assert.match(reply.text, message);
  }
});
