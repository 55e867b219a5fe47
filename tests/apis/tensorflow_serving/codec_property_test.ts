/**
 * The hand-written codecs against protobufjs: random messages there and back, and bytes that are no messages at all. Every test
 * prints its seed; `OVSERVE_SEED` repeats a run.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type RandomBelow, randomBelow, testSeed } from "../../../src/base/testing/random.ts";
import { joinParts } from "../../../src/base/bytes.ts";
import { ServingError } from "../../../src/base/status.ts";
import {
  type DType,
  DTYPE_BYTES,
  elementCount,
  type NamedTensor,
  type NumericDType,
  type Tensor,
} from "../../../src/base/tensor.ts";
import { DATA_TYPE, dataTypeName } from "../../../src/apis/tensorflow_serving/grpc/data_type.ts";
import {
  decodePredictRequest,
  decodePredictResponse,
  encodePredictRequest,
  encodePredictResponse,
} from "../../../src/apis/tensorflow_serving/grpc/predict_codec.ts";
import { loadProtos, type ProtoObject } from "../../../src/protobuf/testing/protos.ts";
import type { ModelSpec } from "../../../src/service/messages.ts";

const MESSAGES = 3000;
const MUTATIONS = 20_000;
const DTYPES = Object.keys(DATA_TYPE) as DType[];

const protos = await loadProtos();

/** Random values of the kinds these tests need. */
class Random {
  /** A whole number from 0 to below a bound. */
  readonly below: RandomBelow;

  constructor(seed: number) {
    this.below = randomBelow(seed);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.chance(30) ? this.pick([0, 1, 127, 128, 255]) : this.below(256));
  }

  text(): string {
    const letters = ["a", "b", "_", "0", "é", "模", "🙂", "serving_default", " "];
    return Array.from({ length: this.below(6) }, () => this.pick(letters)).join("");
  }
}

function randomShape(random: Random): number[] {
  return Array.from({ length: random.below(4) }, () => random.pick([0, 1, 1, 2, 3, 5, 17]));
}

function randomTensor(random: Random): Tensor {
  const dtype = random.pick(DTYPES);
  const shape = randomShape(random);
  const count = elementCount(shape);
  if (dtype === "string") {
    return { dtype, shape, strings: Array.from({ length: count }, () => random.bytes(random.below(40))) };
  }
  const bytes = random.bytes(count * DTYPE_BYTES[dtype]);
  if (dtype === "bool") return { dtype, shape, bytes: bytes.map((byte) => byte & 1) };
  // A NaN's payload does not survive protobufjs, which reads numbers; ours keeps the bits.
  if (dtype === "f32" || dtype === "f64") withoutNaN(bytes, DTYPE_BYTES[dtype]);
  return { dtype, shape, bytes };
}

function withoutNaN(bytes: Uint8Array, elementBytes: number): void {
  for (let i = elementBytes - 1; i < bytes.length; i += elementBytes) bytes[i] = (bytes[i] as number) & 0xbf;
}

function randomModelSpec(random: Random): ModelSpec {
  const spec = { name: random.text(), signatureName: random.text() };
  switch (random.below(4)) {
    case 0:
      return { ...spec, version: random.pick([0, 1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -1]) };
    case 1:
      return { ...spec, version: random.pick([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n]) };
    case 2:
      return { ...spec, versionLabel: random.text() };
    default:
      return spec;
  }
}

function randomNamedTensors(random: Random): NamedTensor[] {
  const names = new Set(Array.from({ length: random.pick([0, 1, 1, 2, 3, 20]) }, () => random.text()));
  return [...names].map((name) => ({ name, tensor: randomTensor(random) }));
}

/** The values of a tensor as protobufjs wants and gives them, under the name of their field. */
function valuesOf(tensor: Tensor): { field: string; values: unknown[] } {
  if (tensor.dtype === "string") {
    return { field: "string_val", values: tensor.strings.map((bytes) => [...bytes]) };
  }
  const { dtype, bytes } = tensor;
  const view = new DataView(Uint8Array.from(bytes).buffer);
  const read: Record<NumericDType, [string, (at: number) => unknown]> = {
    f32: ["float_val", (at) => view.getFloat32(at, true)],
    f64: ["double_val", (at) => view.getFloat64(at, true)],
    i32: ["int_val", (at) => view.getInt32(at, true)],
    i16: ["int_val", (at) => view.getInt16(at, true)],
    u16: ["int_val", (at) => view.getUint16(at, true)],
    i8: ["int_val", (at) => view.getInt8(at)],
    u8: ["int_val", (at) => view.getUint8(at)],
    i64: ["int64_val", (at) => String(view.getBigInt64(at, true))],
    bool: ["bool_val", (at) => view.getUint8(at) !== 0],
    f16: ["half_val", (at) => view.getUint16(at, true)],
    bf16: ["half_val", (at) => view.getUint16(at, true)],
    u32: ["uint32_val", (at) => view.getUint32(at, true)],
    u64: ["uint64_val", (at) => String(view.getBigUint64(at, true))],
  };
  const [field, valueAt] = read[dtype];
  const count = bytes.length / DTYPE_BYTES[dtype];
  return { field, values: Array.from({ length: count }, (_, i) => valueAt(i * DTYPE_BYTES[dtype])) };
}

/** What strings become in tensor_content: every length as a varint, then every string. */
function contentOf(tensor: Tensor): Uint8Array {
  if (tensor.dtype !== "string") return tensor.bytes;
  const lengths = tensor.strings.map(({ length }) => length);
  assert(lengths.every((length) => length < 128));
  return joinParts([Uint8Array.from(lengths), ...tensor.strings]);
}

function tensorProto(tensor: Tensor, asTensorContent: boolean): ProtoObject {
  return {
    dtype: DATA_TYPE[tensor.dtype],
    tensor_shape: { dim: tensor.shape.map((size) => ({ size })) },
    ...(asTensorContent ? { tensor_content: contentOf(tensor) } : valuesProto(tensor)),
  };
}

function valuesProto(tensor: Tensor): ProtoObject {
  const { field, values } = valuesOf(tensor);
  return { [field]: values.map((value) => Array.isArray(value) ? Uint8Array.from(value) : value) };
}

function modelSpecProto(spec: ModelSpec): ProtoObject {
  return {
    name: spec.name,
    signature_name: spec.signatureName,
    ...(spec.version === undefined ? {} : { version: { value: String(spec.version) } }),
    ...(spec.versionLabel === undefined ? {} : { version_label: spec.versionLabel }),
  };
}

/** A tensor with bytes of its own, to compare. */
function owned(tensor: Tensor): Tensor {
  return tensor.dtype === "string"
    ? { ...tensor, strings: tensor.strings.map((bytes) => Uint8Array.from(bytes)) }
    : { ...tensor, bytes: Uint8Array.from(tensor.bytes) };
}

function assertTensorProto(actual: ProtoObject, tensor: Tensor, asTensorContent: boolean): void {
  assert.equal(actual.dtype, dataTypeName(DATA_TYPE[tensor.dtype]));
  const dims = (actual.tensor_shape as { dim: { size: string }[] }).dim;
  assert.deepEqual(dims.map(({ size }) => Number(size)), tensor.shape);
  if (asTensorContent) {
    assert.deepEqual([...actual.tensor_content as Uint8Array], [...contentOf(tensor)]);
    return;
  }
  const { field, values } = valuesOf(tensor);
  const sent = (actual[field] as unknown[]).map((value) => value instanceof Uint8Array ? [...value] : value);
  assert.deepEqual(sent, values);
}

Deno.test("a PredictRequest encoded by protobufjs is decoded to the same model spec, tensors and filter", () => {
  const random = new Random(testSeed());
  for (let i = 0; i < MESSAGES; i++) {
    const modelSpec = randomModelSpec(random);
    const inputs = randomNamedTensors(random);
    const outputFilter = Array.from({ length: random.below(3) }, () => random.text());
    const asTensorContent = random.chance(50);
    const message = protos.encode("tensorflow.serving.PredictRequest", {
      model_spec: modelSpecProto(modelSpec),
      inputs: Object.fromEntries(inputs.map(({ name, tensor }) => [name, tensorProto(tensor, asTensorContent)])),
      output_filter: outputFilter,
      client_id: random.bytes(3),
      request_options: { max_cache_length: 5, handshake: {} },
    });
    const decoded = decodePredictRequest(message);
    assert.deepEqual(decoded.modelSpec, modelSpec);
    assert.deepEqual(decoded.outputFilter, outputFilter);
    const byName = new Map(decoded.inputs.map(({ name, tensor }) => [name, tensor]));
    assert.equal(byName.size, inputs.length);
    for (const { name, tensor } of inputs) {
      const input = byName.get(name);
      assert(input !== undefined && input.dtype !== "malformed", name);
      assert.deepEqual(owned(input), tensor);
    }
  }
});

Deno.test("a PredictRequest of ours is decoded by protobufjs to the same values", () => {
  const random = new Random(testSeed());
  for (let i = 0; i < MESSAGES; i++) {
    const modelSpec = randomModelSpec(random);
    const inputs = randomNamedTensors(random);
    const outputFilter = Array.from({ length: random.below(3) }, () => random.text());
    const asTensorContent = random.chance(50);
    const parts = encodePredictRequest({ modelSpec, inputs, outputFilter }, { asTensorContent });
    const decoded = protos.decode("tensorflow.serving.PredictRequest", joinParts(parts));
    const spec = decoded.model_spec as ProtoObject;
    assert.equal(spec.name, modelSpec.name);
    assert.equal(spec.signature_name, modelSpec.signatureName);
    const version = spec.version as { value: string } | null | undefined;
    assert.equal(version?.value, modelSpec.version === undefined ? undefined : String(modelSpec.version));
    assert.equal(spec.version_label, modelSpec.versionLabel);
    assert.deepEqual(decoded.output_filter, outputFilter);
    const tensors = decoded.inputs as Record<string, ProtoObject>;
    assert.equal(Object.keys(tensors).length, inputs.length);
    for (const { name, tensor } of inputs) assertTensorProto(tensors[name] as ProtoObject, tensor, asTensorContent);
  }
});

Deno.test("a PredictResponse of ours is decoded by protobufjs, and by us, to the same values", () => {
  const random = new Random(testSeed());
  for (let i = 0; i < MESSAGES; i++) {
    const response = {
      modelName: random.text(),
      modelVersion: random.pick([0, 1, 300, 2 ** 40]),
      signatureName: random.text(),
      outputs: randomNamedTensors(random),
    };
    const asTensorContent = random.chance(50);
    const message = joinParts(encodePredictResponse(response, { asTensorContent }));
    const decoded = protos.decode("tensorflow.serving.PredictResponse", message);
    const spec = decoded.model_spec as ProtoObject;
    assert.deepEqual(
      [spec.name, (spec.version as ProtoObject).value, spec.signature_name],
      [response.modelName, String(response.modelVersion), response.signatureName],
    );
    const tensors = decoded.outputs as Record<string, ProtoObject>;
    for (const { name, tensor } of response.outputs) {
      assertTensorProto(tensors[name] as ProtoObject, tensor, asTensorContent);
    }
    const ours = decodePredictResponse(message);
    const outputs = ours.outputs.map(({ name, tensor }) => ({ name, tensor: owned(tensor) }));
    assert.deepEqual({ ...ours, outputs }, response);
  }
});

Deno.test("bytes that are not a PredictRequest end in a ServingError or in a request, never in anything else", () => {
  const random = new Random(testSeed());
  let refused = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const message = random.chance(20) ? random.bytes(random.below(200)) : mutate(random, randomMessage(random));
    try {
      const { inputs } = decodePredictRequest(message, { tensorBytesMax: 1 << 20 });
      for (const { tensor } of inputs) {
        if (tensor.dtype === "malformed") assert(tensor.error instanceof ServingError);
        else assertWhole(tensor);
      }
    } catch (error) {
      if (!(error instanceof ServingError)) throw error;
      refused++;
    }
  }
  assert(refused > 0 && refused < MUTATIONS, `${refused} of ${MUTATIONS} were refused`);
});

function randomMessage(random: Random): Uint8Array {
  const request = { modelSpec: randomModelSpec(random), inputs: randomNamedTensors(random), outputFilter: ["y"] };
  return joinParts(encodePredictRequest(request, { asTensorContent: random.chance(50) }));
}

function mutate(random: Random, message: Uint8Array): Uint8Array {
  let bytes = Uint8Array.from(message);
  for (let edits = 1 + random.below(4); edits > 0 && bytes.length > 0; edits--) {
    const at = random.below(bytes.length);
    const rest = bytes.subarray(at);
    switch (random.below(4)) {
      case 0:
        bytes[at] = random.below(256);
        break;
      case 1:
        bytes = bytes.slice(0, at);
        break;
      case 2:
        bytes = joinParts([bytes.subarray(0, at), random.bytes(random.below(8)), rest]);
        break;
      default:
        bytes = joinParts([bytes.subarray(0, at), rest.subarray(random.below(rest.length))]);
    }
  }
  return bytes;
}

/** What a decoder hands on must be what its dtype and shape say: the engine trusts it. */
function assertWhole(tensor: Tensor): void {
  const count = elementCount(tensor.shape);
  if (tensor.dtype === "string") assert.equal(tensor.strings.length, count);
  else assert.equal(tensor.bytes.length, count * DTYPE_BYTES[tensor.dtype]);
}
