/** The REST API over the fake engine: each route, each way it can go wrong. In memory, without a socket. */
import assert from "node:assert/strict";
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { CODE, ServingError } from "../../../src/base/status.ts";
import type { FakeModelFile } from "../../../src/engine/testing/fake_engine.ts";
import { RestRig, seen } from "./rest_conformance/rig.ts";

const PLUS_TWO: FakeModelFile = {
  inputs: [{ names: ["x"], dtype: "f32", shape: [-1] }],
  outputs: [{ names: ["y"], dtype: "f32", shape: [-1] }],
  compute: "add",
  value: 2,
};
const TWO_INPUTS: FakeModelFile = {
  inputs: [{ names: ["a"], dtype: "i64", shape: [-1, 2] }, { names: ["b"], dtype: "string", shape: [-1] }],
  outputs: [{ names: ["c"], dtype: "i64", shape: [-1, 2] }, { names: ["d"], dtype: "string", shape: [-1] }],
};
const BROKEN: FakeModelFile = { ...PLUS_TWO, failRead: "it is <broken>" };

const PREDICT = "/v1/models/plus_two:predict";
const BODY = '{"instances": [1, 2.5]}';
const PREDICTIONS = '{\n    "predictions": [3.0, 4.5\n    ]\n}';

function start(): Promise<RestRig> {
  return RestRig.start({ plus_two: [PLUS_TWO, { ...PLUS_TWO, value: 3 }], two: [TWO_INPUTS], broken: [BROKEN] });
}

function errorBody(text: string): string {
  return `{\n    "error": ${JSON.stringify(text)}\n}`;
}

function packed(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(text));
}

function status(version: number, state = "AVAILABLE", code = "OK", message = ""): string {
  return [
    "  {",
    `   "version": "${version}",`,
    `   "state": "${state}",`,
    '   "status": {',
    `    "error_code": "${code}",`,
    `    "error_message": "${message}"`,
    "   }",
    "  }",
  ].join("\n");
}

Deno.test("Predict answers in the layout it was asked in, with the version that was asked for", async () => {
  await using rig = await start();
  rig.manager.labels.set("plus_two", new Map([["stable/é", 1]]));
  const columns = '{\n    "outputs": [\n        4.0,\n        5.5\n    ]\n}';
  const two = '{"instances": [{"a": [1, 9007199254740993], "b": "x"}]}';
  const cases: readonly (readonly [string, string, string])[] = [
    ["/v1/models/plus_two/versions/1:predict", BODY, PREDICTIONS],
    ["/v1/models/plus_two/labels/stable%2f%C3%A9:predict", BODY, PREDICTIONS],
    ["/V1/MODELS/plus_two/VERSIONS/1:predict", BODY, PREDICTIONS],
    ["/v1/models/plus%5ftwo:predict?key=value", '{"inputs": [1, 2.5]}', columns],
    [PREDICT, '{"signature_name": "serving_default", "inputs": {"x": [1, 2.5]}}', columns],
    [
      "/v1/models/two:predict",
      two,
      '{\n    "predictions": [\n        {\n            "c": [1, 9007199254740993],\n            "d": "x"\n        }\n    ]\n}',
    ],
  ];
  for (const [path, body, expected] of cases) {
    const reply = await rig.send("POST", path, body);
    assert.deepEqual([reply.status, reply.text], [200, expected], path);
    assert.equal(reply.headers.get("content-type"), "application/json");
  }
});

Deno.test("A call that goes wrong gets the code and the sentence that say why", async () => {
  await using rig = await start();
  const cases: readonly (readonly [string, string, string, number, string])[] = [
    ["POST", "/v1/models/nope:predict", BODY, 404, "Servable not found for request: Latest(nope)"],
    [
      "POST",
      "/v1/models/plus_two/versions/9:predict",
      BODY,
      404,
      "Servable not found for request: Specific(plus_two, 9)",
    ],
    ["POST", "/v1/models/plus_two/labels/l:predict", BODY, 400, "Unrecognized servable version label: l"],
    ["POST", "/v1/models/nope:predict", "", 400, "JSON Parse error: The document is empty"],
    ["POST", PREDICT, '{"signature_name": "s"}', 400, 'Serving signature name: "s" not found in signature def'],
    [
      "POST",
      PREDICT,
      '{"instances": [[1]]}',
      400,
      "Invalid number of shape dimensions - Expected: (-1); Actual: (1,1); input name: x",
    ],
    ["POST", "/v1/models/plus_two:Predict", BODY, 400, "Malformed request: POST /v1/models/plus_two:Predict"],
    ["POST", "/v1/models/plus_two:generate", BODY, 400, "Malformed request: POST /v1/models/plus_two:generate"],
    ["POST", "/v1/models", BODY, 400, "Malformed request: POST /v1/models"],
    ["POST", "/v1/models/plus_two/metadata", BODY, 400, "Malformed request: POST /v1/models/plus_two/metadata"],
    ["GET", PREDICT, "", 400, `Malformed request: GET ${PREDICT}`],
    ["GET", "/v1/foo", "", 400, "Malformed request: GET /v1/foo"],
    ["PUT", "/v1/models/plus_two", BODY, 400, "Malformed request: PUT /v1/models/plus_two"],
    ["GET", "/v1/models/versions/1", "", 400, "Missing model name in request."],
    ["GET", "/v1/models/nope", "", 404, "Could not find any versions of model nope"],
    ["GET", "/v1/models/plus_two/versions/9", "", 404, "Could not find version 9 of model plus_two"],
    ["GET", "/v1/models/nope/metadata", "", 404, "Servable not found for request: Latest(nope)"],
    ["GET", "/", "", 404, "Not Found"],
    ["GET", "/v2/health/ready", "", 404, "Not Found"],
    ["OPTIONS", PREDICT, "", 400, "Origin header is missing in CORS preflight"],
    ["OPTIONS", "/foo", "", 404, "Not Found"],
    [
      "POST",
      "/v1/models/plus_two/versions/99999999999999999999:predict",
      BODY,
      400,
      "Failed to convert version: 99999999999999999999 to numeric.",
    ],
  ];
  for (const [method, path, body, code, message] of cases) {
    const reply = await rig.send(method, path, body === "" && method !== "POST" ? undefined : body);
    assert.deepEqual([reply.status, reply.text], [code, errorBody(message)], `${method} ${path}`);
    assert.equal(reply.headers.get("content-type"), "application/json");
  }
  assert.deepEqual(rig.faults, []);
});

Deno.test("Classify and Regress answer as far as the service takes them", async () => {
  await using rig = await start();
  for (const method of ["classify", "regress"]) {
    const malformed = await rig.send("POST", `/v1/models/plus_two:${method}`, '{"examples": []}');
    assert.equal(malformed.status, 400);
    assert.match(malformed.text, /'examples' value is an empty array/);
    const refused = await rig.send("POST", `/v1/models/plus_two:${method}`, '{"examples": [{"x": 1.5}]}');
    assert.equal(refused.status, 400);
    assert.match(refused.text, /"error": /);
  }
});

Deno.test("States are told as protobuf prints them", async () => {
  await using rig = await start();
  const one = await rig.send("GET", "/v1/models/plus_two/versions/2");
  assert.deepEqual([one.status, one.text], [200, `{\n "model_version_status": [\n${status(2)}\n ]\n}\n`]);
  const failed = await rig.send("GET", "/v1/models/broken");
  const reason = "Cannot read the model: it is \\u003cbroken\\u003e";
  assert.equal(
    failed.text,
    `{\n "model_version_status": [\n${status(1, "END", "INVALID_ARGUMENT", reason)}\n ]\n}\n`,
  );
});

Deno.test("Metadata are told as TensorFlow Serving puts them together", async () => {
  await using rig = await start();
  const reply = await rig.send("GET", "/v1/models/two/versions/1/metadata");
  assert.equal(reply.status, 200);
  const beginning = '{\n"model_spec":{\n "name": "two",\n "version": "1",\n "signature_name": ""\n}\n,\n' +
    '"metadata": {"signature_def": {\n "signature_def": {\n  "serving_default": {\n   "inputs": {\n    "a": {\n' +
    '     "name": "a",\n     "dtype": "DT_INT64",\n     "tensor_shape": {\n      "dim": [\n       {\n' +
    '        "size": "-1",\n        "name": ""\n       },\n       {\n        "size": "2",\n        "name": ""\n       }\n' +
    '      ],\n      "unknown_rank": false\n     }\n    },\n    "b": {\n';
  assert(reply.text.startsWith(beginning), reply.text);
  const end = '   "method_name": "tensorflow/serving/predict",\n   "defaults": {}\n  }\n }\n}\n}\n}\n';
  assert(reply.text.endsWith(end), reply.text);
});

Deno.test("All models are listed, in a form of this server's own and in model_server's", async () => {
  await using rig = await start();
  const list = await rig.send("GET", "/v1/models");
  const models = JSON.parse(list.text).models;
  assert.deepEqual(models.map((model: { name: string }) => model.name), ["broken", "plus_two", "two"]);
  assert.deepEqual(models[1].model_version_status.map((version: { version: string }) => version.version), ["2", "1"]);

  await using small = await RestRig.start({ dummy: [PLUS_TWO], other: [PLUS_TWO] });
  const entry = `{\n "model_version_status": [\n${status(1, "AVAILABLE", "OK", "OK")}\n ]\n}`;
  const config = `{\n"dummy" : \n${entry},\n"other" : \n${entry}\n}`;
  const told = await small.send("GET", "/v1/config");
  assert.deepEqual([told.status, told.text], [200, config]);
});

Deno.test("A reload says whether anything has changed, and what went wrong", async () => {
  await using rig = await start();
  const reload = async (refresh: () => Promise<boolean>) => {
    rig.refresh = refresh;
    return await rig.send("POST", "/v1/config/reload");
  };
  assert.equal((await reload(() => Promise.resolve(true))).status, 201);
  const unchanged = await reload(() => Promise.resolve(false));
  assert.equal(unchanged.status, 200);
  assert.deepEqual(Object.keys(JSON.parse(unchanged.text)), ["broken", "plus_two", "two"]);
  const bad = new ServingError(CODE.INVALID_ARGUMENT, "The file is no JSON");
  const refused = await reload(() => Promise.reject(bad));
  assert.deepEqual([refused.status, refused.text], [400, errorBody("The file is no JSON")]);
  const failed = await reload(() => Promise.reject(new Error("disk on fire")));
  assert.deepEqual([failed.status, failed.text], [500, errorBody("Internal error")]);
  assert.deepEqual(rig.faults, ["/v1/config/reload: Error: disk on fire"]);
});

Deno.test("HEAD is a GET without a body", async () => {
  await using rig = await start();
  const known = await rig.send("HEAD", "/v1/models/plus_two");
  assert.deepEqual([known.status, known.text, known.headers.get("content-type")], [200, "", "application/json"]);
  const { text } = await rig.send("GET", "/v1/models/plus_two");
  assert.equal(known.headers.get("content-length"), String(text.length));
  assert.equal((await rig.send("HEAD", "/v1/models/nope")).status, 404);
});

Deno.test("Pages of any origin may call where that is wished, and are told nothing of it where it is not", async () => {
  await using rig = await start();
  const preflight = { method: "OPTIONS", headers: { origin: "https://example.org" } };
  const withCors = rig.handler({ corsSupport: true });
  for (const init of [preflight, { method: "POST", body: BODY }, { method: "POST", body: "" }]) {
    const { headers } = await withCors(new Request(`http://localhost${PREDICT}`, init));
    assert.equal(headers.get("access-control-allow-origin"), "*");
    assert.equal(headers.get("access-control-allow-methods"), "POST, GET");
    assert.equal(headers.get("access-control-allow-headers"), "Content-Type");
  }
  const without = await rig.handler()(new Request(`http://localhost${PREDICT}`, preflight));
  assert.deepEqual([without.status, without.headers.get("access-control-allow-origin")], [200, null]);
});

Deno.test("A body may come as gzip or deflate, but not without bounds", async () => {
  await using rig = await start();
  const post = async (body: BodyInit, encoding: string) => {
    const headers = { "content-encoding": encoding };
    const request = new Request(`http://localhost${PREDICT}`, { method: "POST", body, headers });
    return await seen(await rig.handler({ bodyBytesMax: 1000 })(request));
  };
  assert.equal((await post(packed(BODY), "gzip")).text, PREDICTIONS.replace("3.0, 4.5", "4.0, 5.5"));
  const deflated = (text: string) => new Uint8Array(deflateSync(text));
  assert.equal((await post(deflated(BODY), "deflate")).text, PREDICTIONS.replace("3.0, 4.5", "4.0, 5.5"));
  const spaced = deflated(`${BODY}${" ".repeat(900 - BODY.length)}`);
  assert.equal((await post(spaced, "deflate")).status, 200, "much longer than its compressed length");
  const zlibBomb = await post(deflated(`{"instances": [${"1,".repeat(100_000)}1]}`), "deflate");
  assert.equal(zlibBomb.status, 413);
  assert.equal((await post(BODY, "deflate")).text, errorBody("The request's body is marked as deflate and is not"));
  assert.equal((await post(BODY, "identity")).status, 200);
  const bomb = await post(packed(`{"instances": [${"1,".repeat(100_000)}1]}`), "gzip");
  const tooLong = "The request's body is longer than the 1000 bytes this server takes";
  assert.deepEqual([bomb.status, bomb.text], [413, errorBody(tooLong)]);
  const noGzip = await post(BODY, "gzip");
  assert.deepEqual([noGzip.status, noGzip.text], [400, errorBody("The request's body is marked as gzip and is not")]);
  const unknown = await post(BODY, "br");
  const unsupported = "Content-Encoding br is not supported: send gzip, deflate or identity";
  assert.deepEqual([unknown.status, unknown.text], [415, errorBody(unsupported)]);
});

Deno.test("A large reply goes out as gzip or deflate to clients that accept it, a small one does not", async () => {
  await using rig = await start();
  const post = async (count: number, acceptEncoding: string) => {
    const body = `{"instances": [${new Array(count).fill("0.5").join()}]}`;
    const headers = { "accept-encoding": acceptEncoding };
    const response = await rig.handler()(new Request(`http://localhost${PREDICT}`, { method: "POST", body, headers }));
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { encoding: response.headers.get("content-encoding"), bytes };
  };
  const small = await post(10_000, "deflate, gzip;q=0.5");
  assert.equal(small.encoding, "gzip");
  assert.equal(JSON.parse(gunzipSync(small.bytes).toString()).predictions.length, 10_000);
  assert(small.bytes.length < 10_000);
  const deflated = await post(10_000, "deflate, gzip;q=0");
  assert.equal(deflated.encoding, "deflate");
  assert.equal(JSON.parse(inflateSync(deflated.bytes).toString()).predictions.length, 10_000);
  for (const [count, accepted] of [[10_000, "br, gzip;q=0"], [10_000, "identity"], [10, "gzip"]] as const) {
    const plain = await post(count, accepted);
    assert.equal(plain.encoding, null);
    assert.equal(JSON.parse(new TextDecoder().decode(plain.bytes)).predictions.length, count);
  }
});

Deno.test("A call that takes too long is answered all the same, and gives up its place in the queue", async () => {
  const inferring = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const big: FakeModelFile = { ...PLUS_TWO, inputs: [{ names: ["x"], dtype: "f32", shape: [-1] }] };
  let isHolding = false;
  await using rig = await RestRig.start({ slow: [big] }, {
    gate: (stage) => {
      if (stage !== "infer" || !isHolding) return;
      inferring.resolve();
      return held.promise;
    },
  });
  isHolding = true;
  // More than is inferred in the loop, so that the engine can be held up.
  const body = `{"instances": [${new Array(300_000).fill("1").join()}]}`;
  const request = () => new Request("http://localhost/v1/models/slow:predict", { method: "POST", body });
  const first = rig.handler({ timeoutMs: 60_000 })(request());
  await inferring.promise;
  const second = await seen(await rig.handler({ timeoutMs: 20 })(request()));
  assert.deepEqual([second.status, second.text], [504, errorBody("No answer within 20 ms")]);
  held.resolve();
  assert.equal((await seen(await first)).status, 200);
});

Deno.test("Bodies that together take more memory than there is are refused, until there is some again", async () => {
  const inferring = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  let isHolding = false;
  await using rig = await RestRig.start({ slow: [PLUS_TWO] }, {
    gate: (stage) => {
      if (stage !== "infer" || !isHolding) return;
      inferring.resolve();
      return held.promise;
    },
  });
  isHolding = true;
  // More than is inferred in the loop, so that the engine can be held up.
  const body = `{"instances": [${new Array(300_000).fill("1").join()}]}`;
  const handler = rig.handler({ inflightBytesMax: body.length + 100 });
  const send = (text: string) =>
    handler(new Request("http://localhost/v1/models/slow:predict", { method: "POST", body: text }));
  const first = send(body);
  await inferring.promise;
  const second = await seen(await send(body));
  const refusal = "The bodies of other requests use all memory that is set aside for bodies";
  assert.deepEqual([second.status, second.text], [503, errorBody(refusal)]);
  const third = await seen(await send(`${body} ${" ".repeat(100)}`));
  assert.equal(third.status, 413, "what there will never be memory for is too long");
  held.resolve();
  assert.equal((await seen(await first)).status, 200);
  assert.equal((await seen(await send(body))).status, 200);
});
