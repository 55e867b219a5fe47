/** The log of requests and traces of the whole program. */
import assert from "node:assert/strict";
import { floatTensor, type Message, PredictionClient } from "./prediction_client.ts";
import { modelPath, Server } from "./server.ts";

const TINY = ["model", "--model_name", "tiny", "--model_path", modelPath("tiny")];
const REST = ["--rest_port", "any", "--rest_bind_address", "127.0.0.1"];

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID = "b7ad6b7169203331";
const METADATA = { "x-request-id": "abc", traceparent: `00-${TRACE_ID}-${SPAN_ID}-01` };

function request(name: string): Message {
  return { "model_spec": { name }, inputs: { x: floatTensor([3], [1, 1]) } };
}

Deno.test("--access_log writes a line for each request, with the ids its client gave it", async () => {
  await using server = await Server.start([...TINY, ...REST, "--access_log"]);
  const { rest } = await server.event("server started");
  using client = new PredictionClient(server.address);
  await client.predict(request("tiny"), { metadata: METADATA });
  const { time, ms, inferMs, peer, ...line } = await server.event("request");
  assert.deepEqual(line, {
    level: "info",
    event: "request",
    interface: "gRPC",
    path: "/tensorflow.serving.PredictionService/Predict",
    code: "OK",
    model: "tiny",
    version: 1,
    queueMs: 0,
    requestId: "abc",
    traceId: TRACE_ID,
  });
  assert(Date.parse(time as string) > 0);
  assert((ms as number) >= (inferMs as number) && (inferMs as number) > 0);
  assert.match(peer as string, /^127\.0\.0\.1:\d+$/);
  await fetch(`http://${rest}/v1/models/tiny:predict`, { method: "POST", body: "{}" }).then((reply) => reply.text());
  const refused = await server.event("request", ({ interface: by }) => by === "REST");
  assert.deepEqual([refused.path, refused.code], ["/v1/models/tiny:predict", "INVALID_ARGUMENT"]);
});

Deno.test("requests are not logged unless that is asked for", async () => {
  const server = await Server.start(TINY);
  using client = new PredictionClient(server.address);
  await client.predict(request("tiny"));
  await server.stop();
  assert.doesNotMatch(server.log, /"event":"request"/);
});
