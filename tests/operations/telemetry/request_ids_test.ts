/** Request ids of clients: they come back with the reply, and the log has them when a request fails. */
import assert from "node:assert/strict";
import * as grpc from "@grpc/grpc-js";
import { floatTensor, type Message, PredictionClient } from "../../support/prediction_client.ts";
import { Scratch } from "../../support/scratch.ts";
import { Server } from "../../support/server.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const TRACE_PARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`;
const HEALTH = "/grpc.health.v1.Health/Check";

/** A model that fails where its two inputs are of different lengths. */
const SUM_XML = `<?xml version="1.0"?><net name="sum" version="11"><layers>
<layer id="0" name="a" type="Parameter" version="opset1"><data shape="?" element_type="f32"/>
<output><port id="0" precision="FP32" names="a"><dim>-1</dim></port></output></layer>
<layer id="1" name="b" type="Parameter" version="opset1"><data shape="?" element_type="f32"/>
<output><port id="0" precision="FP32" names="b"><dim>-1</dim></port></output></layer>
<layer id="2" name="y" type="Add" version="opset1"><data auto_broadcast="numpy"/>
<input><port id="0"><dim>-1</dim></port><port id="1"><dim>-1</dim></port></input>
<output><port id="2" precision="FP32" names="y"><dim>-1</dim></port></output></layer>
<layer id="3" name="y/result" type="Result" version="opset1"><input><port id="0"><dim>-1</dim></port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>`;

/** What a call was answered with besides its message: grpc-js tells headers apart from trailers, and a refusal has trailers only. */
function fieldsOf(
  address: string,
  path: string,
  metadata: Readonly<Record<string, string>>,
): Promise<grpc.MetadataValue[]> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const sent = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  return new Promise((resolve) => {
    const found: grpc.MetadataValue[] = [];
    const bytes = (message: Uint8Array) => Buffer.from(message);
    const call = client.makeUnaryRequest(path, bytes, (reply) => reply, new Uint8Array(), sent, () => {});
    call.on("metadata", (headers: grpc.Metadata) => found.push(...headers.get("x-request-id")));
    call.on("status", ({ metadata: trailers }: grpc.StatusObject) => {
      found.push(...trailers.get("x-request-id"));
      client.close();
      resolve(found);
    });
  });
}

function request(a: readonly number[], b: readonly number[]): Message {
  return { "model_spec": { name: "sum" }, inputs: { a: floatTensor(a), b: floatTensor(b) } };
}

Deno.test("A request's id comes back with its reply, and is logged with the reason when the request fails", async () => {
  await using scratch = await Scratch.make();
  await Deno.mkdir(`${scratch.path}/sum/1`, { recursive: true });
  await Deno.writeTextFile(`${scratch.path}/sum/1/m.xml`, SUM_XML);
  await using server = await Server.start([
    ...["model", "--model_name", "sum", "--model_path", `${scratch.path}/sum`],
    ...["--rest_bind_address", "127.0.0.1", "--rest_port", "any"],
  ]);
  const { rest } = await server.event("server started");
  const { address } = server;

  assert.deepEqual(await fieldsOf(address, HEALTH, { "x-request-id": "abc" }), ["abc"]);
  assert.deepEqual(await fieldsOf(address, "/no.such/Method", { "x-request-id": "abc" }), ["abc"]);
  for (const id of ["x".repeat(129), "a b"]) {
    assert.deepEqual(await fieldsOf(address, HEALTH, { "x-request-id": id }), []);
  }
  assert.deepEqual(await fieldsOf(address, HEALTH, {}), []);

  const ask = async (path: string, headers: Record<string, string>, body?: string) => {
    const response = await fetch(
      `http://${rest}${path}`,
      body === undefined ? { headers } : { headers, method: "POST", body },
    );
    await response.body?.cancel();
    return [response.status, response.headers.get("x-request-id")];
  };
  const path = "/v1/models/sum";
  assert.deepEqual(await ask(path, { "x-request-id": "abc" }), [200, "abc"]);
  assert.deepEqual(await ask("/v1/models/nope", { "x-request-id": "abc" }), [404, "abc"]);
  assert.deepEqual(await ask(path, { "x-request-id": "x".repeat(129) }), [200, null]);
  assert.deepEqual(await ask(path, {}), [200, null]);

  using client = new PredictionClient(address);
  await client.predict(request([1, 2], [3, 4]));
  const metadata = { "x-request-id": "over gRPC", traceparent: TRACE_PARENT };
  await assert.rejects(client.predict(request([1, 2], [3, 4, 5]), { metadata }), { code: grpc.status.INTERNAL });
  const overGrpc = await server.event("request failed", ({ requestId }) => requestId === "over gRPC");
  assert.deepEqual([overGrpc.path, overGrpc.traceId], ["/tensorflow.serving.PredictionService/Predict", TRACE_ID]);
  const failing = JSON.stringify({ inputs: { a: [1, 2], b: [3, 4, 5] } });
  const ids = { "x-request-id": "overREST", traceparent: TRACE_PARENT };
  assert.deepEqual(await ask(`${path}:predict`, ids, failing), [500, "overREST"]);
  const overRest = await server.event("request failed", ({ requestId }) => requestId === "overREST");
  assert.deepEqual([overRest.path, overRest.traceId], [`${path}:predict`, TRACE_ID]);
});
