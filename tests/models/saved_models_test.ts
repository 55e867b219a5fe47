// deno-lint-ignore-file camelcase -- fields have the names they have on the wire
/**
 * SavedModels of every kind that TensorFlow Serving serves: each signature answers what TensorFlow does, as recorded by
 * saved_models/make.py, and what cannot be served says why.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Signature, TensorSpec } from "../../src/base/signature.ts";
import {
  decodeGetModelMetadataResponse,
  encodeGetModelMetadataRequest,
} from "../../src/apis/tensorflow_serving/grpc/model_codec.ts";
import { findMetaGraph } from "../../src/model/saved_model/meta_graph.ts";
import { freePort } from "../support/free_port.ts";
import { type Message, PredictionClient } from "../support/prediction_client.ts";
import { Server } from "../support/server.ts";

const MODELS = fileURLToPath(new URL("./saved_models/", import.meta.url));

interface RecordedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Base64 of the bytes, or of each string. */
  readonly values: string | readonly string[];
}

interface Answer {
  readonly signature: string;
  readonly kind: string;
  readonly inputs: Readonly<Record<string, RecordedTensor>>;
  readonly outputs: Readonly<Record<string, RecordedTensor>>;
}

const DATA_TYPES: Readonly<Record<string, string>> = {
  float32: "DT_FLOAT",
  float64: "DT_DOUBLE",
  int32: "DT_INT32",
  uint8: "DT_UINT8",
  int64: "DT_INT64",
  float16: "DT_HALF",
  bool: "DT_BOOL",
  string: "DT_STRING",
};

/** Where a reply has the values of an element type. */
const VALUE_FIELDS: Readonly<Record<string, string>> = {
  DT_FLOAT: "float_val",
  DT_DOUBLE: "double_val",
  DT_INT32: "int_val",
  DT_UINT8: "int_val",
  DT_INT64: "int64_val",
  DT_HALF: "half_val",
  DT_BOOL: "bool_val",
  DT_STRING: "string_val",
};

const names = [...Deno.readDirSync(MODELS)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name)
  .sort();
/** The tags of its graph must be named. */
const OTHER_TAGS = "other_tags";
const SERVED = names.filter((name) => name !== OTHER_TAGS);

function answersOf(name: string): readonly Answer[] {
  return JSON.parse(Deno.readTextFileSync(`${MODELS}${name}/answers.json`));
}

function toProto({ dtype, shape, values }: RecordedTensor): Message {
  const content = Array.isArray(values)
    ? { string_val: values.map((value) => Buffer.from(value, "base64")) }
    : { tensor_content: Buffer.from(values as string, "base64") };
  return { dtype: DATA_TYPES[dtype], tensor_shape: { dim: shape.map((size) => ({ size })) }, ...content };
}

/** The values of a tensor as numbers or text. */
function valuesOf({ dtype, values }: RecordedTensor): readonly (number | string)[] {
  if (Array.isArray(values)) return values.map((value) => Buffer.from(value, "base64").toString("latin1"));
  const { buffer } = Uint8Array.from(Buffer.from(values as string, "base64"));
  switch (dtype) {
    case "float32":
      return [...new Float32Array(buffer)];
    case "float64":
      return [...new Float64Array(buffer)];
    case "int32":
      return [...new Int32Array(buffer)];
    case "int64":
      return Array.from(new BigInt64Array(buffer), Number);
    case "float16":
      return [...new Float16Array(buffer)];
    default:
      return [...new Uint8Array(buffer)];
  }
}

function valuesOfReply(tensor: Message): readonly (number | string)[] {
  const dtype = tensor.dtype as string;
  const values = tensor[VALUE_FIELDS[dtype] ?? ""] as readonly unknown[];
  if (dtype === "DT_STRING") return values.map((value) => (value as Buffer).toString("latin1"));
  if (dtype === "DT_HALF") return [...new Float16Array(Uint16Array.from(values as number[]).buffer)];
  return values.map(Number);
}

function shapeOf({ tensor_shape }: Message): number[] {
  return (tensor_shape as { dim: { size: string }[] }).dim.map(({ size }) => Number(size));
}

/** Asserts that two tensors are equal to the accuracy of 32-bit floats. */
function assertEqualTensor(actual: Message, expected: RecordedTensor, where: string): void {
  assert.equal(actual.dtype, DATA_TYPES[expected.dtype], where);
  assert.deepEqual(shapeOf(actual), expected.shape, where);
  const [got, wanted] = [valuesOfReply(actual), valuesOf(expected)];
  assert.equal(got.length, wanted.length, where);
  const largest = Math.max(1, ...wanted.map((value) => Math.abs(Number(value) || 0)));
  wanted.forEach((value, i) => {
    if (typeof value === "string" || !expected.dtype.startsWith("float")) assert.equal(got[i], value, where);
    else assert.ok(Math.abs(Number(got[i]) - value) <= 1e-5 * largest, `${where}: ${got[i]} in place of ${value}`);
  });
}

/** A server of all the models, and its client. */
class Rig implements AsyncDisposable {
  readonly client: PredictionClient;

  private constructor(readonly server: Server) {
    this.client = new PredictionClient(server.address);
  }

  static async start(served = SERVED, ...args: string[]): Promise<Rig> {
    const path = Deno.makeTempFileSync({ suffix: ".json" });
    const config = served.map((name) => ({ config: { name, base_path: `${MODELS}${name}` } }));
    Deno.writeTextFileSync(path, JSON.stringify({ model_config_list: config }));
    try {
      return new Rig(await Server.start(["config", "--config_path", path, ...args]));
    } finally {
      Deno.removeSync(path);
    }
  }

  async predict(name: string, { signature, inputs }: Pick<Answer, "signature" | "inputs">): Promise<Message> {
    const reply = await this.client.predict({
      model_spec: { name, signature_name: signature },
      inputs: Object.fromEntries(Object.entries(inputs).map(([alias, tensor]) => [alias, toProto(tensor)])),
    });
    return reply.outputs as Message;
  }

  async signatures(name: string): Promise<ReadonlyMap<string, Signature>> {
    const modelSpec = { name, signatureName: "" };
    const message = encodeGetModelMetadataRequest({ modelSpec, metadataFields: ["signature_def"] });
    const path = "/tensorflow.serving.PredictionService/GetModelMetadata";
    return decodeGetModelMetadataResponse(await this.client.callRaw(path, { message })).signatures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

Deno.test("every signature of every SavedModel answers what TensorFlow answers", async (t) => {
  await using rig = await Rig.start();
  for (const name of SERVED) {
    await t.step(name, async () => {
      for (const answer of answersOf(name)) {
        const outputs = await rig.predict(name, answer);
        assert.deepEqual(Object.keys(outputs).sort(), Object.keys(answer.outputs).sort());
        for (const [alias, expected] of Object.entries(answer.outputs)) {
          assertEqualTensor(outputs[alias] as Message, expected, `${name}, ${answer.signature}, ${alias}`);
        }
      }
    });
  }
});

Deno.test("the metadata of a SavedModel says what its file says", async () => {
  await using rig = await Rig.start();
  for (const name of SERVED) {
    if (name === "tflite_signatures") continue;
    const file = findMetaGraph(await Deno.readFile(`${MODELS}${name}/1/saved_model.pb`), ["serve"]);
    const served = await rig.signatures(name);
    assert.deepEqual([...served.keys()].sort(), [...file.signatures.keys()].sort(), name);
    for (const [signatureName, definition] of file.signatures) {
      const signature = served.get(signatureName);
      assert.equal(signature?.methodName, definition.methodName);
      for (const side of ["inputs", "outputs"] as const) {
        const specs: readonly TensorSpec[] = signature?.[side] ?? [];
        const told = new Map(specs.map((spec) => [spec.name, spec]));
        assert.equal(told.size, definition[side].length);
        for (const { alias, tensorName, shape } of definition[side]) {
          assert.equal(told.get(alias)?.tensorName, tensorName);
          assert.deepEqual(told.get(alias)?.shape, shape, `${name}, ${signatureName}, ${alias}`);
        }
      }
    }
  }
});

Deno.test("a signature that cannot be served says why, and the others are served", async () => {
  await using rig = await Rig.start();
  const cases: readonly [name: string, signature: string, reason: RegExp][] = [
    ["counter", "add", /The signature add is not served: It writes a variable \(AssignAddVariableOp/],
    ["broadcast_strings", "labels", /BroadcastTo of constant strings/],
    ["broadcast_strings", "branch", /Tile of constant strings/],
    ["images_in_strings", "serving_default", /DecodeJpeg/],
  ];
  for (const [name, signature, reason] of cases) {
    await assert.rejects(
      () => rig.predict(name, { signature, inputs: {} }),
      (error: { code: number; details: string }) => error.code === 12 && reason.test(error.details),
      name,
    );
  }
});

Deno.test("examples of classifiers and regressors are parsed by the server", async () => {
  await using rig = await Rig.start();
  const example = (x: readonly number[]): Message => ({
    features: { feature: { x: { float_list: { value: x } } } },
  });
  const call = (method: string, name: string, signature_name: string, examples: readonly Message[]) =>
    rig.client.call("tensorflow.serving.PredictionService", method, {
      request: { model_spec: { name, signature_name }, input: { example_list: { examples } } },
    });
  const regressed = await call("Regress", "half_plus_two", "regress_x_to_y", [example([2]), example([-4.5])]);
  assert.deepEqual(
    (regressed.result as { regressions: { value: number }[] }).regressions.map(({ value }) => value),
    [3, -0.25],
  );
  const classified = await call("Classify", "classify_with_table", "", [example([1, 0, 0, 0, 0, 0, 0, 0])]);
  const [first] = (classified.result as { classifications: { classes: { label: string; score: number }[] }[] })
    .classifications;
  assert.deepEqual(first?.classes.map(({ label }) => label).sort(), ["one", "three", "two", "zero"]);
  await assert.rejects(
    () => call("Regress", "half_plus_two", "regress_x_to_y", [example([2]), { features: {} }]),
    (error: { code: number; details: string }) => error.code === 3 && /Feature: x .*Index: 1/.test(error.details),
  );
});

Deno.test("--saved_model_tags names the graph to serve", async () => {
  await using rig = await Rig.start([OTHER_TAGS], "--saved_model_tags", "gpu,serve");
  for (const answer of answersOf(OTHER_TAGS)) {
    const outputs = await rig.predict(OTHER_TAGS, answer);
    assertEqualTensor(outputs.y as Message, answer.outputs.y as RecordedTensor, OTHER_TAGS);
  }
});

Deno.test("serving threads answer every signature, and inputs of other shapes", async () => {
  const several = ["half_plus_two", "unknown_rank", "constant_outputs"];
  await using rig = await Rig.start(several, "--grpc_workers", "2");
  const clients = Array.from({ length: 8 }, () => new PredictionClient(rig.server.address));
  try {
    for (const client of clients) {
      for (const name of several) {
        for (const answer of answersOf(name)) {
          const inputs = Object.entries(answer.inputs).map(([alias, tensor]) => [alias, toProto(tensor)]);
          const model_spec = { name, signature_name: answer.signature };
          const { outputs } = await client.predict({ model_spec, inputs: Object.fromEntries(inputs) });
          for (const [alias, expected] of Object.entries(answer.outputs)) {
            assertEqualTensor((outputs as Record<string, Message>)[alias] as Message, expected, `${name}, ${alias}`);
          }
        }
      }
    }
  } finally {
    for (const client of clients) client[Symbol.dispose]();
  }
});

Deno.test("shapes that cannot be computed are INVALID_ARGUMENT, and many shapes leave few graphs", async () => {
  await using rig = await Rig.start(
    ["several_signatures", "half_plus_two"],
    ...["--metrics_port", "0", "--metrics_bind_address", "127.0.0.1"],
  );
  const zeros = (shape: readonly number[]): RecordedTensor => {
    const count = shape.reduce((product, size) => product * size, 1);
    return { dtype: "float32", shape, values: Buffer.alloc(4 * count).toString("base64") };
  };
  for (const shape of [[2, 5], [3], [2, 2, 5], [2, 5]]) {
    await assert.rejects(
      () => rig.predict("several_signatures", { signature: "embed", inputs: { x: zeros(shape) } }),
      (error: { code: number; details: string }) =>
        error.code === 3 && /^The model cannot be computed for these shapes: /.test(error.details),
      String(shape),
    );
  }
  for (let rank = 0; rank < 14; rank++) {
    const shape = Array<number>(rank).fill(1);
    const outputs = await rig.predict("half_plus_two", { signature: "serving_default", inputs: { x: zeros(shape) } })
      .catch((error: { code: number }) => error);
    if ("code" in outputs) assert.equal(outputs.code, 3, String(rank));
    else assert.deepEqual(shapeOf(outputs.y as Message), shape);
  }
  const { metrics: where } = await rig.server.event("server started");
  const metrics = await (await fetch(`http://${where}/metrics`)).text();
  const variants = /ovserve_shape_variants\{model="half_plus_two",version="1"\} (\d+)/.exec(metrics)?.[1];
  assert.ok(Number(variants) >= 2 && Number(variants) <= 8, String(variants));
});

Deno.test("the variables of TensorFlow Serving's image serve its hello world", async () => {
  const variables = ["MODEL_NAME=half_plus_two", `MODEL_BASE_PATH=${MODELS.replace(/\/$/, "")}`];
  const port = freePort();
  await using server = await Server.start(["--rest_api_port", String(port), "--rest_bind_address", "127.0.0.1"], {
    through: ["env", ...variables],
  });
  assert.notEqual(server.address, "");
  const url = `http://127.0.0.1:${port}/v1/models/half_plus_two:predict`;
  const response = await fetch(url, { method: "POST", body: '{"instances": [1.0, 2.0, 5.0]}' });
  assert.deepEqual(await response.json(), { predictions: [2.5, 3, 4.5] });
});
