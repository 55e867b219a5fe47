/** What holds for every API holds for ModelInfer and ModelStreamInfer: the gate, deadlines, limits, batching, metrics and logs. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { CODE } from "../../../src/base/status.ts";
import { loadProtos } from "../../../src/protobuf/testing/protos.ts";
import { modelPath } from "../../support/model_path.ts";
import { PredictionClient } from "../../support/prediction_client.ts";
import { RawStream } from "../../support/raw_stream.ts";
import { Scratch } from "../../support/scratch.ts";
import { Server } from "../../support/server.ts";
import { writeSlowModel } from "../../support/slow_model.ts";

const INFER = "/inference.GRPCInferenceService/ModelInfer";
const STREAM = "/inference.GRPCInferenceService/ModelStreamInfer";
const REST = ["--rest_port", "any", "--rest_bind_address", "127.0.0.1"];
const protos = await loadProtos();

function halfArgs(flags: readonly string[] = []): string[] {
  return ["model", "--model_name", "half", "--model_path", modelPath("half_plus_two"), ...REST, ...flags];
}

function request(name: string, values: readonly number[], id = ""): Uint8Array {
  return protos.encode("inference.ModelInferRequest", {
    "model_name": name,
    id,
    inputs: [{ name: "x", datatype: "FP32", shape: [values.length] }],
    "raw_input_contents": [Buffer.from(Float32Array.from(values).buffer)],
  });
}

/** The values of the only output. */
function valuesOf(reply: Buffer): number[] {
  const [raw] = protos.decode("inference.ModelInferResponse", reply)["raw_output_contents"] as Buffer[];
  return [...new Float32Array(Uint8Array.from(raw as Buffer).buffer)];
}

/** The next reply of a stream: its values, or its error. */
async function next(stream: RawStream): Promise<number[] | string> {
  const { error_message: error, infer_response: reply } = protos.decode(
    "inference.ModelStreamInferResponse",
    await stream.next(),
  );
  if (error !== "") return error as string;
  return valuesOf(Buffer.from(protos.encode("inference.ModelInferResponse", reply as Record<string, unknown>)));
}

async function metric(rest: unknown, series: string): Promise<number> {
  const page = await (await fetch(`http://${rest}/metrics`)).text();
  const line = page.split("\n").find((candidate) => candidate.startsWith(`${series} `));
  assert(line !== undefined, `${series} is not in\n${page}`);
  return Number(line.slice(series.length));
}

Deno.test("each message of a stream is counted and logged as a request, whichever thread serves it", async () => {
  for (const workers of ["1", "3"]) {
    await using server = await Server.start(halfArgs(["--access_log", "--grpc_workers", workers]));
    const { rest } = await server.event("server started");
    using stream = new RawStream(server.address, STREAM);
    for (const name of ["half", "none", "half"]) stream.send(request(name, [2]));
    assert.deepEqual([await next(stream), await next(stream), await next(stream)], [
      [3],
      "Request for unknown model: 'none' is not found",
      [3],
    ]);
    stream.end();
    assert.equal((await stream.ended).code, CODE.OK);
    using client = new PredictionClient(server.address);
    assert.deepEqual(valuesOf(await client.callRaw(INFER, { message: request("half", [4]) })), [4]);
    const labels = (method: string) => `model="half",version="1",method="${method}",interface="gRPC",code="OK"`;
    assert.equal(await metric(rest, `ovserve_requests_total{${labels("ModelStreamInfer")}}`), 2);
    assert.equal(await metric(rest, `ovserve_requests_total{${labels("ModelInfer")}}`), 1);
    assert.equal(await metric(rest, 'nv_inference_request_success{model="half",version="1"}'), 3);
    const failed = await server.event("request", ({ code }) => code === "NOT_FOUND");
    assert.equal(failed.path, STREAM);
    const answered = await server.event("request", ({ path, code }) => path === STREAM && code === "OK");
    assert.deepEqual([answered.model, answered.version], ["half", 1]);
  }
});

Deno.test("requests of ModelInfer share executions", async () => {
  await using server = await Server.start(halfArgs(["--enable_batching"]));
  const { rest } = await server.event("server started");
  using client = new PredictionClient(server.address);
  const count = 200;
  const replies = await Promise.all(
    Array.from({ length: count }, (_, i) => client.callRaw(INFER, { message: request("half", [i]) })),
  );
  replies.forEach((reply, i) => assert.deepEqual(valuesOf(reply), [i / 2 + 2]));
  assert.equal(await metric(rest, 'nv_inference_count{model="half",version="1"}'), count);
  const executions = await metric(rest, 'nv_inference_exec_count{model="half",version="1"}');
  assert(executions > 0 && executions < count, String(executions));
  const statistics = await (await fetch(`http://${rest}/v2/models/half/stats`)).json();
  const [{ inference_count: inferences, execution_count: executed }] = statistics["model_stats"];
  assert.deepEqual([inferences, executed], [count, executions]);
});

Deno.test("a deadline ends ModelInfer and a stream, and the server goes on", async () => {
  await using scratch = await Scratch.make();
  await writeSlowModel(`${scratch.path}/slow/1`);
  await using server = await Server.start(["model", "--model_name", "slow", "--model_path", `${scratch.path}/slow`]);
  using client = new PredictionClient(server.address);
  const message = request("slow", [1]);
  const late = await Promise.allSettled(
    Array.from({ length: 8 }, () => client.callRaw(INFER, { message, timeoutMs: 20 })),
  );
  assert.deepEqual(late.map((outcome) => outcome.status === "rejected" && outcome.reason.code), new Array(8).fill(4));
  assert.equal(valuesOf(await client.callRaw(INFER, { message })).length, 1);
});

Deno.test("a message longer than the limit is refused, alone and in a stream", async () => {
  await using server = await Server.start(halfArgs(["--grpc_max_message_bytes", "100000"]));
  using client = new PredictionClient(server.address);
  const long = request("half", new Array(30_000).fill(1));
  await assert.rejects(client.callRaw(INFER, { message: long }), { code: CODE.RESOURCE_EXHAUSTED });
  using stream = new RawStream(server.address, STREAM);
  stream.send(long);
  assert.equal((await stream.ended).code, CODE.RESOURCE_EXHAUSTED);
  assert.deepEqual(valuesOf(await client.callRaw(INFER, { message: request("half", [2]) })), [3]);
});

Deno.test("a client that does not read its replies holds its stream back, and nobody else", async () => {
  await using server = await Server.start(halfArgs());
  using client = new PredictionClient(server.address);
  using stream = new RawStream(server.address, STREAM, { "grpc.max_receive_message_length": -1 });
  const values = Array.from({ length: 50_000 }, (_, i) => i);
  stream.pause();
  const count = 100;
  for (let i = 0; i < count; i++) stream.send(request("half", values, String(i)));
  assert.deepEqual(valuesOf(await client.callRaw(INFER, { message: request("half", [2]) })), [3]);
  stream.resume();
  for (let i = 0; i < count; i++) assert.equal((await next(stream)).length, values.length);
  stream.end();
  assert.equal((await stream.ended).code, CODE.OK);
});

Deno.test("a broken version is in the index with its reason, and the model serves on", async () => {
  await using scratch = await Scratch.make();
  await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
  await Deno.mkdir(`${scratch.path}/half/2`);
  await Deno.writeTextFile(`${scratch.path}/half/2/model.xml`, "<net");
  await Deno.writeTextFile(`${scratch.path}/half/2/model.bin`, "");
  const policy = ["--model_version_policy", '{"all": {}}'];
  await using server = await Server.start(
    ["model", "--model_name", "half", "--model_path", `${scratch.path}/half`, ...REST, ...policy],
  );
  const { rest } = await server.event("server started");
  const index = await (await fetch(`http://${rest}/v2/repository/index`, { method: "POST" })).json();
  const [broken, serving] = index.toSorted((a: { state: string }, b: { state: string }) => b.state < a.state ? 1 : -1)
    .toReversed();
  assert.deepEqual([broken.version, broken.state], ["2", "UNAVAILABLE"]);
  assert.match(broken.reason, /./);
  assert.deepEqual([serving.version, serving.state], ["1", "READY"]);
  const ready = async (path: string) => {
    const response = await fetch(`http://${rest}/v2/models/half${path}/ready`);
    return [response.status, (await response.json()).ready];
  };
  assert.deepEqual(await ready(""), [200, true]);
  assert.deepEqual(await ready("/versions/1"), [200, true]);
  assert.deepEqual(await ready("/versions/2"), [503, false]);
});

Deno.test("REST has HEAD, CORS, and JSON for paths that are none", async () => {
  await using server = await Server.start(halfArgs(["--rest_api_enable_cors_support"]));
  const { rest } = await server.event("server started");
  const head = await fetch(`http://${rest}/v2/models/half`, { method: "HEAD" });
  assert.equal(head.status, 200);
  assert(Number(head.headers.get("content-length")) > 50);
  assert.equal(await head.text(), "");
  for (const path of ["/v2/none", "/v2/models/half/none", "/v2/models/half/versions/x", "/v2/repository/none"]) {
    const { status, headers, json } = await fetch(`http://${rest}${path}`).then(async (response) => {
      return { status: response.status, headers: response.headers, json: await response.json() };
    });
    assert.equal(status, 404, path);
    assert.equal(headers.get("content-type"), "application/json");
    assert.deepEqual(json, { error: `There is no GET ${path}` });
  }
  const url = `http://${rest}/v2/models/half/infer`;
  const index = await fetch(`http://${rest}/v2/repository/index`, { method: "POST", body: '{"ready": 1}' });
  assert.deepEqual([index.status, await index.json()], [400, { error: "Expected true or false in 'ready'" }]);
  const preflight = await fetch(url, { method: "OPTIONS", headers: { origin: "https://example.org" } });
  await preflight.body?.cancel();
  assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
  assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /Inference-Header-Content-Length/);
  const loading = await fetch(`http://${rest}/v2/repository/models/half/load`, { method: "POST" });
  assert.equal(loading.status, 400);
  assert.match((await loading.json()).error, /--model_control_mode explicit/);
});
