/** Server reflection, by which grpcurl and similar tools learn of services without protos. */
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { describeProtos } from "../../scripts/descriptors.ts";
import { CODE } from "../../src/base/status.ts";
import { Manager } from "../../src/core/manager.ts";
import { tensorFlowServingMethods } from "../../src/apis/tensorflow_serving/methods.ts";
import { healthMethods } from "../../src/grpc/builtin/health.ts";
import { reflectionMethods } from "../../src/grpc/builtin/reflection.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { testLimits } from "../../src/http2/testing/limits.ts";
import type { ModelServable } from "../../src/model/model_servable.ts";
import { ModelService } from "../../src/service/model_service.ts";
import { PredictionService } from "../../src/service/prediction_service.ts";
import { Readiness } from "../../src/service/readiness.ts";
import { python } from "../support/python.ts";
import { RawStream } from "../support/raw_stream.ts";
import { findTool } from "../support/tools.ts";
import { MANAGER_OPTIONS } from "../../src/core/testing/manager_rig.ts";

const VERSIONS = ["v1", "v1alpha"] as const;

/** A gRPC server with all services and no model. */
class Rig implements AsyncDisposable {
  readonly manager = new Manager<ModelServable>({ ...MANAGER_OPTIONS, disposeWaitMs: 0 });
  readonly server: GrpcServer;
  readonly address: string;

  constructor() {
    const readiness = new Readiness({ manager: this.manager, modelNames: () => [], services: [], isStrict: true });
    readiness.start();
    const services = {
      prediction: new PredictionService(this.manager),
      model: new ModelService(this.manager, {
        names: () => [],
        replace: () => Promise.resolve([]),
        refresh: () => Promise.resolve(false),
        load: () => Promise.resolve(undefined),
        unload: () => Promise.resolve(),
      }),
      readiness,
      statistics: { statistics: () => [] },
      server: { name: "rig", version: "0" },
    };
    const methods = [...tensorFlowServingMethods(services, { asTensorContent: false }), ...healthMethods(readiness)];
    this.server = new GrpcServer([...methods, ...reflectionMethods(methods)], {
      http2: testLimits(),
      configAccess: "all",
      connectionsMax: 100,
      messageBytesMax: 1 << 20,
      inflightBytesMax: 1 << 20,
      onFault: (error) => assert.fail(String(error.cause)),
    });
    this.address = `127.0.0.1:${(this.server.listen({ hostname: "127.0.0.1", port: 0 }) as Deno.NetAddr).port}`;
    this.server.accept();
  }

  talk(version: (typeof VERSIONS)[number]): Conversation {
    return new Conversation(this.address, version);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown(1000);
    await this.manager[Symbol.asyncDispose]();
  }
}

/** Requests and responses as objects. */
class Conversation implements Disposable {
  readonly stream: RawStream;
  readonly #request: MessageTypeDefinition<object, object>;
  readonly #response: MessageTypeDefinition<object, object>;

  constructor(address: string, version: (typeof VERSIONS)[number]) {
    const definition = loadSync(`grpc/reflection/${version}/reflection.proto`, {
      includeDirs: [fileURLToPath(new URL("../../protos/", import.meta.url))],
      keepCase: true,
    });
    const type = (name: string) =>
      definition[`grpc.reflection.${version}.${name}`] as MessageTypeDefinition<object, object>;
    this.#request = type("ServerReflectionRequest");
    this.#response = type("ServerReflectionResponse");
    this.stream = new RawStream(address, `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);
  }

  send(question: object): void {
    this.stream.send(this.#request.serialize(question));
  }

  async ask(question: object): Promise<Record<string, Record<string, unknown>>> {
    this.send(question);
    return this.#response.deserialize(await this.stream.next()) as Record<string, Record<string, unknown>>;
  }

  /** How many files a response has. */
  async files(question: object): Promise<number> {
    const { file_descriptor_response: answer } = await this.ask(question);
    return (answer?.file_descriptor_proto as unknown[]).length;
  }

  [Symbol.dispose](): void {
    this.stream[Symbol.dispose]();
  }
}

for (const version of VERSIONS) {
  Deno.test(`ServerReflection ${version} lists the services, including itself, and repeats the request`, async () => {
    await using rig = new Rig();
    using conversation = rig.talk(version);
    const answer = await conversation.ask({ host: "here", list_services: "*" });
    assert.deepEqual(answer.list_services_response?.service, [
      { name: "grpc.health.v1.Health" },
      { name: "grpc.reflection.v1.ServerReflection" },
      { name: "grpc.reflection.v1alpha.ServerReflection" },
      { name: "tensorflow.serving.ModelService" },
      { name: "tensorflow.serving.PredictionService" },
    ]);
    assert.equal(answer.valid_host, "here");
    assert.deepEqual(answer.original_request, { host: "here", list_services: "*" });
    conversation.stream.end();
    assert.equal((await conversation.stream.ended).code, CODE.OK);
  });
}

Deno.test("ServerReflection sends the file of a symbol with its imports, and no file twice", async () => {
  await using rig = new Rig();
  using conversation = rig.talk("v1");
  const all = await conversation.files({ file_containing_symbol: "tensorflow.serving.PredictionService" });
  assert(all > 10, `${all} files`);
  assert.equal(await conversation.files({ file_by_filename: "tensorflow_serving/apis/predict.proto" }), 1);
  const symbols = [
    "tensorflow.serving.PredictionService.Predict",
    "tensorflow.TensorProto",
    "tensorflow.TensorProto.float_val",
    "tensorflow.DataType",
    "tensorflow.DT_FLOAT",
    "tensorflow.serving.ModelSpec.version_choice",
    "tensorflow.serving.ClassificationRequest",
  ];
  for (const symbol of symbols) assert.equal(await conversation.files({ file_containing_symbol: symbol }), 1, symbol);
});

Deno.test("ServerReflection replies to unknown names with an error, and continues", async () => {
  await using rig = new Rig();
  using conversation = rig.talk("v1");
  const wrong: [object, number][] = [
    [{ file_containing_symbol: "tensorflow.serving.Nothing" }, CODE.NOT_FOUND],
    [{ file_by_filename: "nothing.proto" }, CODE.NOT_FOUND],
    [{ file_containing_extension: { containing_type: "tensorflow.TensorProto", extension_number: 7 } }, CODE.NOT_FOUND],
    [{ all_extension_numbers_of_type: "tensorflow.Nothing" }, CODE.NOT_FOUND],
    [{}, CODE.INVALID_ARGUMENT],
  ];
  for (const [question, code] of wrong) {
    const { error_response: error } = await conversation.ask(question);
    assert.equal(error?.error_code, code, JSON.stringify(question));
  }
  const { all_extension_numbers_response: none } = await conversation.ask({
    all_extension_numbers_of_type: "tensorflow.TensorProto",
  });
  assert.equal(none?.base_type_name, "tensorflow.TensorProto");
});

Deno.test("ServerReflection ends a call after an invalid request", async () => {
  await using rig = new Rig();
  using conversation = rig.talk("v1");
  conversation.stream.send(Uint8Array.of(0xff, 0xff));
  assert.equal((await conversation.stream.ended).code, CODE.INVALID_ARGUMENT);
  using long = rig.talk("v1");
  long.send({ file_containing_symbol: "x".repeat(70_000) });
  assert.equal((await long.stream.ended).code, CODE.RESOURCE_EXHAUSTED);
});

Deno.test("ServerReflection replies to thousands of pipelined requests in order", async () => {
  await using rig = new Rig();
  using conversation = rig.talk("v1");
  const count = 3000;
  for (let i = 0; i < count; i++) conversation.send({ host: String(i), file_containing_symbol: "tensorflow.Value" });
  conversation.stream.end();
  for (let i = 0; i < count; i++) assert((await conversation.stream.next()).includes(String(i)));
  assert.equal((await conversation.stream.ended).code, CODE.OK);
});

const interpreter = await python();

Deno.test("the descriptors are up to date with protos/", { ignore: interpreter === undefined }, async () => {
  const committed = await Deno.readTextFile(new URL("../../src/grpc/builtin/file_descriptors.json", import.meta.url));
  const described = await describeProtos(interpreter ?? "");
  assert.equal(committed, described, "run scripts/descriptors.ts");
});

const grpcurl = await findTool("grpcurl");

async function runGrpcurl(args: readonly string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(grpcurl ?? "", { args: ["-plaintext", ...args] }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("grpcurl lists, describes and calls without protos", { ignore: grpcurl === undefined }, async () => {
  await using rig = new Rig();
  const { text: services } = await runGrpcurl([rig.address, "list"]);
  assert.match(services, /^tensorflow\.serving\.PredictionService$/m);
  const { text: methods } = await runGrpcurl([rig.address, "list", "tensorflow.serving.PredictionService"]);
  assert.match(methods, /^tensorflow\.serving\.PredictionService\.Predict$/m);
  const { text: described } = await runGrpcurl([rig.address, "describe", "tensorflow.serving.PredictRequest"]);
  assert.match(described, /map<string, \.?tensorflow\.TensorProto> inputs = 2;/);
  const { text: health } = await runGrpcurl([rig.address, "grpc.health.v1.Health/Check"]);
  assert.deepEqual(JSON.parse(health), { status: "SERVING" });
  const request = JSON.stringify({ model_spec: { name: "none" }, inputs: { x: { dtype: "DT_FLOAT" } } });
  const predict = "tensorflow.serving.PredictionService/Predict";
  const { text: refused } = await runGrpcurl(["-d", request, rig.address, predict]);
  assert.match(refused, /Code: NotFound[^]*Servable not found for request: Latest\(none\)/);
});
