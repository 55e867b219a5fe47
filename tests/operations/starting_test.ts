/** The start: what is answered while the first models load, what waits, and how the wait ends. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { status } from "@grpc/grpc-js";
import { loadProtos } from "../../src/protobuf/testing/protos.ts";
import { askHalfByFetch } from "../support/fetch_client.ts";
import { floatTensor, type Message, PredictionClient } from "../support/prediction_client.ts";
import { RawStream } from "../support/raw_stream.ts";
import { Scratch } from "../support/scratch.ts";
import { Server, testSource } from "../support/server.ts";
import { askHalf, versionOf } from "../support/steady_load.ts";

/** A pipe in place of a file holds up loading. The executable cannot be tested so: its Deno opens files in the event loop. */
const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };
const MODEL_SERVICE = "tensorflow.serving.ModelService";
const HALF = { name: "half" };
const NOT_SERVING = [8, 2];
const SERVING = [8, 1];
const BODY = '{"instances": [10]}';

/** A server whose model is being loaded until {@link release}. */
class StartingRig implements AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  readonly #pipe: string;
  #isReleased = false;
  readonly server: Server;
  readonly client: PredictionClient;
  readonly rest: string;
  readonly scratch: Scratch;

  private constructor(
    resources: AsyncDisposableStack,
    { server, rest, scratch, pipe }: { server: Server; rest: string; scratch: Scratch; pipe: string },
  ) {
    this.#resources = resources;
    this.#pipe = pipe;
    this.server = server;
    this.scratch = scratch;
    this.rest = `http://${rest}`;
    this.client = resources.use(new PredictionClient(server.address));
  }

  static async start(args: readonly string[] = []): Promise<StartingRig> {
    await using resources = new AsyncDisposableStack();
    const scratch = resources.use(await Scratch.make());
    await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
    // Who reads it waits for somebody who writes.
    const pipe = `${scratch.path}/half/1/batching_params.pbtxt`;
    assert((await new Deno.Command("env", { args: ["mkfifo", pipe] }).output()).success);
    const server = resources.use(
      await Server.start([
        ...["model", "--model_name", "half", "--model_path", `${scratch.path}/half`],
        ...["--enable_batching", "--enable_per_model_batching_parameters"],
        ...["--rest_bind_address", "127.0.0.1", "--rest_port", "any", "--shutdown_grace_seconds", "1"],
        ...args,
      ], { isStarting: true }),
    );
    const { rest } = await server.event("server listening");
    await server.event("version state changed", ({ state }) => state === "loading");
    return new StartingRig(resources.move(), { server, scratch, pipe, rest: rest as string });
  }

  /** Lets the model load, or fail with invalid parameters. */
  async release(parameters = "max_batch_size { value: 1000 }"): Promise<void> {
    this.#isReleased = true;
    await Deno.writeTextFile(this.#pipe, parameters);
  }

  async health(): Promise<number[]> {
    return [...await this.client.callRaw("/grpc.health.v1.Health/Check", { message: new Uint8Array() })];
  }

  /** A REST request: its status and its body. */
  async fetch(path: string, body?: string): Promise<[number, string]> {
    const init = body === undefined ? {} : { method: "POST", body };
    const response = await fetch(`${this.rest}${path}`, init);
    return [response.status, await response.text()];
  }

  /** Waits until the queue is full: sends requests, and cancels those that are not refused. */
  async full(): Promise<void> {
    for (let status = 0; status !== 429;) {
      const leaver = new AbortController();
      const timer = setTimeout(() => leaver.abort(), 100);
      status = await fetch(`${this.rest}/v1/models/half/metadata`, { signal: leaver.signal }).then(async (response) => {
        await response.body?.cancel();
        return response.status;
      }, () => 0);
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isReleased && this.server.events("server leaving").length === 0) await this.release();
    await this.#resources[Symbol.asyncDispose]();
  }
}

async function codeOf(call: Promise<unknown>): Promise<number> {
  return await call.then(() => status.OK, (error: { code: number }) => error.code);
}

/** Retries while the queue is full. */
async function inTurn(ask: () => Promise<Message>): Promise<Message> {
  while (true) {
    try {
      return await ask();
    } catch (error) {
      if ((error as { code: number }).code !== status.RESOURCE_EXHAUSTED) throw error;
    }
  }
}

/** The same by fetch, for a server that stops meanwhile; returns the status of the call. */
async function inTurnByFetch(rig: StartingRig): Promise<number | undefined> {
  while (true) {
    const { status: code } = await askHalfByFetch(rig.server.address);
    if (code !== status.RESOURCE_EXHAUSTED) return code;
  }
}

/** The same over REST; returns the HTTP status. */
async function inTurnOverRest(rig: StartingRig): Promise<number> {
  while (true) {
    const [code] = await rig.fetch("/v1/models/half:predict", BODY);
    if (code !== 429) return code;
  }
}

testSource("A starting server reports so at once, and requests that need a model wait for it", LINUX_ONLY, async () => {
  await using rig = await StartingRig.start();
  const { client } = rig;
  const metadata = { "model_spec": HALF, "metadata_field": ["signature_def"] };
  const waiting = [
    askHalf(client, HALF).then(versionOf),
    client.call("tensorflow.serving.PredictionService", "GetModelMetadata", { request: metadata }),
    client.call(MODEL_SERVICE, "HandleReloadConfigRequest", {
      request: {
        config: {
          model_config_list: {
            config: [{ name: "half", base_path: `${rig.scratch.path}/half`, model_platform: "tensorflow" }],
          },
        },
      },
    }),
    rig.fetch("/v1/models/half:predict", BODY),
    rig.fetch("/v1/models/half/metadata"),
  ];
  const answered = Promise.race(waiting).then(() => "answered");

  assert.deepEqual(await rig.health(), NOT_SERVING);
  const states = await client.call(MODEL_SERVICE, "GetModelStatus", { request: { model_spec: HALF } });
  assert.deepEqual((states.model_version_status as Message[]).map(({ state }) => state), ["LOADING"]);
  assert.equal((await rig.fetch("/v2/health/live"))[0], 200);
  assert.equal((await rig.fetch("/v2/health/ready"))[0], 503);
  assert.equal((await rig.fetch("/v2/models/half/ready"))[0], 503);
  assert.match((await rig.fetch("/metrics"))[1], /^ovserve_ready 0$/m);
  for (const path of ["/v1/models/half", "/v1/models", "/v1/config"]) {
    const [code, body] = await rig.fetch(path);
    assert.deepEqual([code, body.includes("LOADING")], [200, true], path);
  }
  assert.equal(await Promise.race([answered, "waiting"]), "waiting");

  await rig.release();
  const [version, , , predictions, described] = await Promise.all(waiting);
  assert.equal(version, "1");
  assert.deepEqual(predictions, [200, '{\n    "predictions": [7.0\n    ]\n}']);
  assert.equal((described as [number, string])[0], 200);
  await rig.server.event("server started");
  assert.deepEqual(await rig.health(), SERVING);
});

testSource(
  "The Open Inference Protocol's requests wait for the first models too, health does not",
  LINUX_ONLY,
  async () => {
    await using rig = await StartingRig.start();
    const protos = await loadProtos();
    const message = protos.encode("inference.ModelInferRequest", {
      "model_name": "half",
      inputs: [{ name: "x", datatype: "FP32", shape: [1], contents: { "fp32_contents": [10] } }],
    });
    const service = "/inference.GRPCInferenceService";
    using stream = new RawStream(rig.server.address, `${service}/ModelStreamInfer`);
    stream.send(message);
    let answered = 0;
    const waiting = [
      stream.next(),
      rig.client.callRaw(`${service}/ModelInfer`, { message }),
      rig.fetch("/v2/models/half/infer", '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [10]}]}'),
    ];
    for (const reply of waiting) void Promise.resolve(reply).then(() => answered++);
    const ready = await rig.client.callRaw(`${service}/ServerReady`, { message: new Uint8Array() });
    assert.equal(protos.decode("inference.ServerReadyResponse", ready).ready, false);
    assert.deepEqual(await rig.fetch("/v2/health/ready"), [503, '{"ready":false}']);
    assert.deepEqual(await rig.fetch("/v2/health/live"), [200, '{"live":true}']);
    assert.equal(answered, 0);
    await rig.release();
    const [streamed, unary, rest] = await Promise.all(waiting) as [Buffer, Buffer, [number, string]];
    const seven = Buffer.from(Float32Array.of(7).buffer);
    const { infer_response: reply } = protos.decode("inference.ModelStreamInferResponse", streamed);
    assert.deepEqual((reply as { "raw_output_contents": Buffer[] })["raw_output_contents"], [seven]);
    assert.deepEqual(protos.decode("inference.ModelInferResponse", unary)["raw_output_contents"], [seven]);
    assert.deepEqual([rest[0], JSON.parse(rest[1]).outputs[0].data], [200, [7]]);
  },
);

testSource("Requests past --max_waiting_requests are refused at once while the server starts", LINUX_ONLY, async () => {
  await using rig = await StartingRig.start(["--max_waiting_requests", "2"]);
  const patient = askHalf(rig.client, HALF);
  const impatient = new AbortController();
  const request = { "model_spec": HALF, inputs: { x: floatTensor([10]) } };
  const given = rig.client.predict(request, { signal: impatient.signal });
  assert.equal(await codeOf(rig.client.predict(request)), status.RESOURCE_EXHAUSTED);
  const [code, body] = await rig.fetch("/v1/models/half:predict", BODY);
  assert.deepEqual([code, body.includes("the queue of requests is full")], [429, true]);
  // Who gives up makes room, by cancelling or by a deadline.
  impatient.abort();
  assert.equal(await codeOf(given), status.CANCELLED);
  // The server may hear of it a little later than the client is told.
  const expiring = inTurn(() => rig.client.predict(request, { timeoutMs: 50 }));
  assert.equal(await codeOf(expiring), status.DEADLINE_EXCEEDED);
  const late = inTurn(() => askHalf(rig.client, HALF));
  await rig.release();
  assert.deepEqual((await Promise.all([patient, late])).map(versionOf), ["1", "1"]);
});

testSource("Requests past --max_inflight_bytes are refused at once while the server starts", LINUX_ONLY, async () => {
  await using rig = await StartingRig.start(["--max_inflight_bytes", "1000"]);
  const request = { "model_spec": HALF, inputs: { x: floatTensor(new Array(200).fill(10)) } };
  const patient = rig.client.predict(request);
  assert.equal(await codeOf(rig.client.predict(request)), status.RESOURCE_EXHAUSTED);
  await rig.release();
  assert.equal(await codeOf(patient), status.OK);
  assert.equal(await codeOf(rig.client.predict(request)), status.OK);
});

testSource("A REST request waits for the first models within its time", LINUX_ONLY, async () => {
  await using rig = await StartingRig.start(["--rest_api_timeout_in_ms", "50"]);
  for (const [path, body] of [["/v1/models/half:predict", BODY], ["/v1/models/half/metadata"]] as const) {
    assert.equal((await rig.fetch(path, body))[0], 504, path);
  }
});

testSource(
  "A server told to leave while it starts turns those who wait away, and ends with 0",
  LINUX_ONLY,
  async () => {
    await using rig = await StartingRig.start(["--max_waiting_requests", "2"]);
    const waiting = inTurnByFetch(rig);
    const overRest = inTurnOverRest(rig);
    await rig.full();
    const { code } = await rig.server.stop("SIGTERM");
    assert.equal(await waiting, status.UNAVAILABLE);
    assert.equal(await overRest, 503);
    assert.equal(code, 0, rig.server.log);
    assert.equal(rig.server.events("server leaving").length, 1);
    assert.equal(rig.server.events("model not served").length, 0);
  },
);

testSource("A failed start rejects waiting requests", LINUX_ONLY, async () => {
  await using rig = await StartingRig.start(["--max_waiting_requests", "1"]);
  const waiting = inTurnByFetch(rig);
  await rig.full();
  await rig.release("max_batch_size { value: 0 }");
  assert.equal(await waiting, status.UNAVAILABLE);
  await assert.rejects(
    rig.server.event("server started"),
    /Cannot load half version 1: .*max_batch_size must be positive/,
  );
  assert.equal((await rig.server.stop()).code, 1);
});
