/** gRPC's health service, as its clients see it. */
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { CODE } from "../../src/base/status.ts";
import { Manager } from "../../src/core/manager.ts";
import { healthMethods } from "../../src/grpc/builtin/health.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { testLimits } from "../../src/http2/testing/limits.ts";
import { tensorFlowServingApi } from "../../src/apis/tensorflow_serving/api.ts";
import { Readiness } from "../../src/service/readiness.ts";
import { PredictionClient } from "../support/prediction_client.ts";
import { RawStream } from "../support/raw_stream.ts";
import { MANAGER_OPTIONS } from "../../src/core/testing/manager_rig.ts";

const CHECK = "/grpc.health.v1.Health/Check";
const LIST = "/grpc.health.v1.Health/List";
const WATCH = "/grpc.health.v1.Health/Watch";

const definition = loadSync("grpc/health/v1/health.proto", {
  includeDirs: [fileURLToPath(new URL("../../protos/", import.meta.url))],
  enums: String,
  defaults: true,
});

function messageType(name: string): MessageTypeDefinition<object, object> {
  return definition[`grpc.health.v1.${name}`] as MessageTypeDefinition<object, object>;
}

function asking(service: string): Uint8Array {
  return messageType("HealthCheckRequest").serialize({ service });
}

function statusIn(reply: Buffer): string {
  return (messageType("HealthCheckResponse").deserialize(reply) as { status: string }).status;
}

/** A gRPC server with the health service and a model called m, which has no version yet. */
class Rig implements AsyncDisposable {
  readonly manager = new Manager<Disposable>({
    ...MANAGER_OPTIONS,
    onStateChange: () => this.readiness.changed(),
    disposeWaitMs: 0,
  });
  readonly readiness: Readiness = new Readiness({
    manager: this.manager,
    modelNames: () => ["m"],
    services: tensorFlowServingApi({ asTensorContent: false }).healthServices,
    isStrict: true,
  });
  readonly server = new GrpcServer(healthMethods(this.readiness), {
    http2: testLimits(),
    configAccess: "all",
    connectionsMax: 100,
    messageBytesMax: 1 << 20,
    inflightBytesMax: 1 << 20,
    onFault: (error) => assert.fail(String(error.cause)),
  });
  readonly address: string;
  readonly client: PredictionClient;

  constructor() {
    this.address = `127.0.0.1:${(this.server.listen({ hostname: "127.0.0.1", port: 0 }) as Deno.NetAddr).port}`;
    this.client = new PredictionClient(this.address);
    this.server.accept();
  }

  check(service: string): Promise<string> {
    return this.client.callRaw(CHECK, { message: asking(service) }).then(statusIn);
  }

  watch(service: string): RawStream {
    const stream = new RawStream(this.address, WATCH);
    stream.send(asking(service));
    stream.end();
    return stream;
  }

  async load(versions: readonly number[]): Promise<void> {
    const load = () => Promise.resolve({ [Symbol.dispose](): void {} });
    this.manager.aspire("m", new Map(versions.map((version) => [version, { fingerprint: "", load }])));
    await this.manager.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    await this.server.shutdown(1000);
    await this.manager[Symbol.asyncDispose]();
  }
}

Deno.test("Health/Check reports the server, its services and its models", async () => {
  await using rig = new Rig();
  assert.equal(await rig.check(""), "NOT_SERVING");
  rig.readiness.start();
  assert.equal(await rig.check(""), "NOT_SERVING", "the model has no version");
  await rig.load([1]);
  for (const service of ["", "tensorflow.serving.PredictionService", "PredictionService", "ModelService", "m"]) {
    assert.equal(await rig.check(service), "SERVING", service);
  }
  rig.readiness.leave();
  assert.equal(await rig.check("m"), "NOT_SERVING");
});

Deno.test("Health/Check replies NOT_FOUND for an unknown service", async () => {
  await using rig = new Rig();
  await assert.rejects(rig.check("other"), { code: CODE.NOT_FOUND, details: "Service other is not known" });
});

Deno.test("Health/List reports everything known", async () => {
  await using rig = new Rig();
  rig.readiness.start();
  const reply = await rig.client.callRaw(LIST, { message: new Uint8Array() });
  const { statuses } = messageType("HealthListResponse").deserialize(reply) as { statuses: Record<string, unknown> };
  assert.deepEqual(statuses, {
    "": { status: "NOT_SERVING" },
    m: { status: "NOT_SERVING" },
    PredictionService: { status: "NOT_SERVING" },
    "tensorflow.serving.PredictionService": { status: "NOT_SERVING" },
    ModelService: { status: "SERVING" },
    "tensorflow.serving.ModelService": { status: "SERVING" },
  });
});

Deno.test("Health/Watch sends the status at once and at each change, and nothing twice", async () => {
  await using rig = new Rig();
  rig.readiness.start();
  using watch = rig.watch("m");
  assert.equal(statusIn(await watch.next()), "NOT_SERVING");
  await rig.load([1]);
  assert.equal(statusIn(await watch.next()), "SERVING");
  await rig.load([1, 2]);
  await rig.load([]);
  assert.equal(statusIn(await watch.next()), "NOT_SERVING", "a version more was no news");
});

Deno.test("Health/Watch waits for an unknown service", async () => {
  await using rig = new Rig();
  using watch = rig.watch("other");
  assert.equal(statusIn(await watch.next()), "SERVICE_UNKNOWN");
  watch.cancel();
  assert.equal((await watch.ended).code, CODE.CANCELLED);
});

Deno.test("Health/Watch reports the shutdown, and does not delay it", async () => {
  const rig = new Rig();
  rig.readiness.start();
  await rig.load([1]);
  using watch = rig.watch("");
  assert.equal(statusIn(await watch.next()), "SERVING");
  rig.readiness.leave();
  assert.equal(statusIn(await watch.next()), "NOT_SERVING");
  const gone = rig.server.shutdown(60_000);
  assert.deepEqual(await watch.ended, { code: CODE.UNAVAILABLE, details: "The server is leaving" });
  watch[Symbol.dispose]();
  rig.client[Symbol.dispose]();
  await gone;
  await rig.manager[Symbol.asyncDispose]();
});

Deno.test("Health/Watch refuses a second message and a call without one", async () => {
  await using rig = new Rig();
  using twice = new RawStream(rig.address, WATCH);
  twice.send(asking("m"));
  twice.send(asking("m"));
  assert.equal((await twice.ended).code, CODE.UNIMPLEMENTED);
  using none = new RawStream(rig.address, WATCH);
  none.end();
  assert.equal((await none.ended).code, CODE.INVALID_ARGUMENT);
});
