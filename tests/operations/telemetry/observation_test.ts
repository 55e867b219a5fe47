/** The log of requests and traces of the whole program. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadProtos } from "../../../src/protobuf/testing/protos.ts";
import { floatTensor, type Message, PredictionClient } from "../../support/prediction_client.ts";
import { modelPath } from "../../support/model_path.ts";
import { Server, testSource } from "../../support/server.ts";
import { freePort } from "../../support/free_port.ts";
import { until } from "../../support/until.ts";

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

Deno.test("requests are not logged by default", async () => {
  const server = await Server.start(TINY);
  using client = new PredictionClient(server.address);
  await client.predict(request("tiny"));
  await server.stop();
  assert.doesNotMatch(server.log, /"event":"request"/);
});

/** A span as OTLP's JSON has it. */
interface Span {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

interface Export {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}

/** Receives what an exporter sends. */
class Collector implements AsyncDisposable {
  readonly spans: Span[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      const isTraces = new URL(request.url).pathname === "/v1/traces";
      const body = await request.json() as Export;
      if (isTraces) {
        this.spans.push(...body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)));
      }
      return Response.json({});
    });
  }

  get address(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

// Whether an executable traces is decided when it is compiled; see docs/packaging.md.
testSource("OTEL_DENO has each request traced with its phases, where its client's trace goes on", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using collector = new Collector();
  const variables = {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.address,
  };
  const through = ["env", ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)];
  const server = await Server.start([...TINY, ...REST], { through });
  {
    // Gone before the server is: Deno's client of HTTP/2 may end the process when it is told to go away.
    using client = new PredictionClient(server.address);
    await client.predict(request("tiny"), { metadata: METADATA });
    const protos = await loadProtos();
    const message = protos.encode("inference.ModelInferRequest", {
      "model_name": "tiny",
      inputs: [{ name: "x", datatype: "FP32", shape: [1, 1], contents: { "fp32_contents": [3] } }],
    });
    await client.callRaw("/inference.GRPCInferenceService/ModelInfer", { message, metadata: METADATA });
  }
  const { rest } = await server.event("server started");
  const init = { method: "POST", body: '{"instances":[[3]]}', headers: METADATA };
  await fetch(`http://${rest}/v1/models/tiny:predict`, init).then((reply) => reply.text());
  // What was not sent yet is sent at the end.
  await server.stop();

  for (const method of ["tensorflow.serving.PredictionService/Predict", "inference.GRPCInferenceService/ModelInfer"]) {
    const rpc = spanNamed(collector, method);
    assert.deepEqual([rpc.traceId, rpc.parentSpanId, rpc.kind], [TRACE_ID, SPAN_ID, 2]);
    const attributes = new Map(rpc.attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
    assert.equal(attributes.get("ovserve.model"), "tiny");
    assert.equal(String(attributes.get("ovserve.version")), "1");
    assert.equal(attributes.get("ovserve.code"), "OK");
    assert.equal(attributes.get("ovserve.request_id"), "abc");
    const phases = collector.spans.filter(({ parentSpanId }) => parentSpanId === rpc.spanId);
    assert.deepEqual(phases.map(({ name }) => name).sort(), ["decode", "encode", "infer", "queue"]);
    for (const { startTimeUnixNano: from, endTimeUnixNano: to } of phases) {
      const moments = [rpc.startTimeUnixNano, from, to, rpc.endTimeUnixNano].map(BigInt);
      assert.deepEqual(moments, moments.toSorted((a, b) => a < b ? -1 : 1));
    }
  }
  const rest1 = spanNamed(collector, "Predict");
  assert.equal(rest1.traceId, TRACE_ID);
  assert.equal(spanNamed(collector, "POST").spanId, rest1.parentSpanId);
});

function spanNamed({ spans }: Collector, name: string): Span {
  const found = spans.filter((span) => span.name === name);
  assert.equal(found.length, 1, `${name}: ${spans.map((span) => span.name).join(", ")}`);
  return found[0] as Span;
}

Deno.test("requests are answered although nobody reads the log", async () => {
  const [port, metricsPort] = [freePort(), freePort()];
  const args = [...TINY, "--access_log", "--grpc_bind_address", "127.0.0.1", "--port", String(port)];
  const watching = ["--metrics_port", String(metricsPort), "--metrics_bind_address", "127.0.0.1"];
  const allowed = ["--allow-net", "--allow-read", "--allow-ffi", "--allow-env", "--allow-sys"];
  const binary = Deno.env.get("OVSERVE_BINARY");
  const own = binary === undefined ? ["run", ...allowed, "main.ts"] : [];
  const process = new Deno.Command(binary ?? Deno.execPath(), {
    args: [...own, ...args, ...watching],
    cwd: fileURLToPath(new URL("../../../", import.meta.url)),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  try {
    await ready(`http://127.0.0.1:${metricsPort}/v2/health/ready`);
    using client = new PredictionClient(`127.0.0.1:${port}`);
    const metadata = { "x-request-id": "x".repeat(128) };
    for (let round = 0; round < 50; round++) {
      await Promise.all(Array.from({ length: 100 }, () => client.predict(request("tiny"), { metadata })));
    }
    const page = await fetch(`http://127.0.0.1:${metricsPort}/metrics`).then((reply) => reply.text());
    assert.match(page, /^ovserve_log_lines_dropped_total [1-9]/m);
  } finally {
    process.kill();
    assert.equal((await process.status).code, 0, "it leaves all the same");
    await process.stderr.cancel();
  }
});

/** Resolves when a URL is answered with status 200. */
function ready(url: string): Promise<void> {
  const isReady = () => fetch(url).then((reply) => reply.text().then(() => reply.status === 200), () => false);
  return until(`${url} is ready`, isReady);
}
