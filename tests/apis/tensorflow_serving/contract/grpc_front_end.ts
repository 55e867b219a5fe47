// deno-lint-ignore-file camelcase -- fields have the names they have on the wire
/**
 * The cases of the contract over gRPC: messages by proto-loader, sent by grpc-js.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { CODE, type CodeName } from "../../../../src/base/status.ts";
import type { DType } from "../../../../src/base/tensor.ts";
import { loadProtos } from "../../../../src/protobuf/testing/protos.ts";
import type { Message, PredictionClient } from "../../../support/prediction_client.ts";
import type { PlainAnswer, PlainExample, PlainRequest, PlainSpec, PlainTensor } from "./contract_case.ts";

const PREDICTION = "tensorflow.serving.PredictionService";
const MODEL = "tensorflow.serving.ModelService";

const protos = await loadProtos();

/** Asks what a case asks. */
export async function askOverGrpc(client: PredictionClient, request: PlainRequest): Promise<PlainAnswer> {
  try {
    return await ask(client, request);
  } catch (error) {
    const { code, details } = error as { code?: number; details?: string };
    const name = (Object.keys(CODE) as CodeName[]).find((candidate) => CODE[candidate] === code);
    if (name === undefined) throw error;
    return { code: name, message: details ?? "" };
  }
}

async function ask(client: PredictionClient, request: PlainRequest): Promise<PlainAnswer> {
  switch (request.api) {
    case "predict": {
      const inputs = Object.entries(request.inputs ?? {}).map(([name, input]) =>
        [name, "proto" in input ? input.proto : toProto(input)] as const
      );
      const reply = await client.predict({
        ...specField(request.spec),
        inputs: Object.fromEntries(inputs),
        output_filter: request.outputFilter ?? [],
      });
      const outputs = Object.entries(reply.outputs as Record<string, Message>);
      return {
        outputs: Object.fromEntries(outputs.map(([name, tensor]) => [name, fromProto(tensor)])),
        servedBy: toSpec(reply),
      };
    }
    case "classify": {
      const reply = await client.call(PREDICTION, "Classify", { request: exampleRequest(request) });
      return { result: classifications(reply.result as Message), servedBy: toSpec(reply) };
    }
    case "regress": {
      const reply = await client.call(PREDICTION, "Regress", { request: exampleRequest(request) });
      return { result: regressions(reply.result as Message), servedBy: toSpec(reply) };
    }
    case "multi_inference": {
      const tasks = request.tasks.map(({ spec, method }) => ({ ...specField(spec), method_name: method }));
      const reply = await client.call(PREDICTION, "MultiInference", { request: { tasks, ...exampleRequest(request) } });
      return { result: (reply.results as Message[]).map(inferenceResult) };
    }
    case "metadata": {
      const reply = await client.call(PREDICTION, "GetModelMetadata", {
        request: { ...specField(request.spec), metadata_field: request.fields },
      });
      return { result: signatures(reply), servedBy: toSpec(reply) };
    }
    case "status": {
      const reply = await client.call(MODEL, "GetModelStatus", { request: specField(request.spec) });
      return { result: (reply.model_version_status as Message[]).map(versionStatus) };
    }
  }
}

function specField(spec: PlainSpec | undefined): Message {
  if (spec === undefined) return {};
  const { name = "", version, label, signature = "" } = spec;
  return {
    model_spec: {
      name,
      signature_name: signature,
      ...version === undefined ? {} : { version: { value: String(version) } },
      ...label === undefined ? {} : { version_label: label },
    },
  };
}

function toSpec(reply: Message): PlainSpec {
  const { name, version, signature_name } = reply.model_spec as Record<string, string> & {
    version: { value: string };
  };
  return { name: name as string, version: Number(version.value), signature: signature_name as string };
}

function exampleRequest(
  { spec, examples, context }: { spec?: PlainSpec; examples?: readonly PlainExample[]; context?: PlainExample },
): Message {
  if (examples === undefined) return specField(spec);
  const list = { examples: examples.map(toExample) };
  const input = context === undefined
    ? { example_list: list }
    : { example_list_with_context: { ...list, context: toExample(context) } };
  return { ...specField(spec), input };
}

function toExample(example: PlainExample): Message {
  const feature = Object.entries(example).map(([name, value]) => {
    if (typeof value[0] === "string") {
      return [name, { bytes_list: { value: value.map((text) => Buffer.from(String(text))) } }];
    }
    const isWhole = value.every(Number.isInteger);
    return [name, isWhole ? { int64_list: { value: value.map(String) } } : { float_list: { value } }];
  });
  return feature.length === 0 ? {} : { features: { feature: Object.fromEntries(feature) } };
}

function classifications(result: Message): unknown {
  return (result.classifications as { classes: { label: string; score: number }[] }[]).map(({ classes }) => classes);
}

function regressions(result: Message): unknown {
  return (result.regressions as { value: number }[]).map(({ value }) => value);
}

function inferenceResult(result: Message): Message {
  const servedBy = toSpec(result);
  return result.result === "classification_result"
    ? { classifications: classifications(result.classification_result as Message), servedBy }
    : { regressions: regressions(result.regression_result as Message), servedBy };
}

function versionStatus(status: Message): Message {
  const { error_code, error_message } = status.status as Message;
  return { version: Number(status.version), state: status.state, code: error_code, message: error_message };
}

function signatures(reply: Message): Message {
  const metadata = reply.metadata as Record<string, { type_url: string; value: Uint8Array }>;
  assert.deepEqual(Object.keys(metadata), ["signature_def"]);
  const { type_url, value } = metadata.signature_def as { type_url: string; value: Uint8Array };
  assert.equal(type_url, "type.googleapis.com/tensorflow.serving.SignatureDefMap");
  const map = protos.decode("tensorflow.serving.SignatureDefMap", value).signature_def as Record<string, Message>;
  return mapValues(map, ({ inputs, outputs, method_name }) => ({
    method: method_name,
    inputs: mapValues(inputs as Record<string, Message>, tensorInfo),
    outputs: mapValues(outputs as Record<string, Message>, tensorInfo),
  }));
}

function tensorInfo({ name, dtype, tensor_shape }: Message): Message {
  const { dim, unknown_rank } = tensor_shape as { dim: { size: string }[]; unknown_rank: boolean };
  return { name, dtype, shape: unknown_rank ? undefined : dim.map(({ size }) => Number(size)) };
}

function mapValues(record: Record<string, Message>, map: (message: Message) => Message): Message {
  return Object.fromEntries(Object.entries(record).map(([name, message]) => [name, map(message)]));
}

/** TensorFlow's name of each dtype, and the field its values are in. */
const FIELDS: Readonly<Record<DType, readonly [string, string]>> = {
  f16: ["DT_HALF", "half_val"],
  bf16: ["DT_BFLOAT16", "half_val"],
  f32: ["DT_FLOAT", "float_val"],
  f64: ["DT_DOUBLE", "double_val"],
  i8: ["DT_INT8", "int_val"],
  i16: ["DT_INT16", "int_val"],
  i32: ["DT_INT32", "int_val"],
  i64: ["DT_INT64", "int64_val"],
  u8: ["DT_UINT8", "int_val"],
  u16: ["DT_UINT16", "int_val"],
  u32: ["DT_UINT32", "uint32_val"],
  u64: ["DT_UINT64", "uint64_val"],
  bool: ["DT_BOOL", "bool_val"],
  string: ["DT_STRING", "string_val"],
};

type Value = PlainTensor["values"][number];

function toProto({ dtype, shape, values }: PlainTensor): Message {
  const [name, field] = FIELDS[dtype];
  const encode = (value: Value): unknown => {
    if (dtype === "f16") return HALVES.indexOf(Number(value));
    if (dtype === "bf16") return floatBits(Number(value)) >>> 16;
    if (dtype === "string") return Buffer.from(String(value));
    return typeof value === "bigint" ? String(value) : value;
  };
  return {
    dtype: name,
    tensor_shape: { dim: shape.map((size) => ({ size: String(size) })) },
    [field]: values.map(encode),
  };
}

function fromProto(tensor: Message): PlainTensor {
  const [dtype, [, field]] = Object.entries(FIELDS).find(([, [name]]) => name === tensor.dtype) as [
    DType,
    [string, string],
  ];
  const { dim } = tensor.tensor_shape as { dim: { size: string }[] };
  const decode = (value: unknown): Value => {
    if (dtype === "f16") return HALVES[value as number] as number;
    if (dtype === "bf16") return floatOfBits((value as number) << 16);
    if (dtype === "string") return (value as Buffer).toString();
    return dtype === "i64" || dtype === "u64" ? BigInt(value as string) : value as Value;
  };
  return { dtype, shape: dim.map(({ size }) => Number(size)), values: (tensor[field] as unknown[]).map(decode) };
}

/** The value of each pattern of 16 bits as a half-precision float (IEEE 754 binary16). */
const HALVES: readonly number[] = Array.from({ length: 1 << 16 }, (_, bits) => {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
});

function floatBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number;
}

function floatOfBits(bits: number): number {
  return new Float32Array(Int32Array.of(bits).buffer)[0] as number;
}
