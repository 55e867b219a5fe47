/**
 * Predictions in plain words over the Open Inference Protocol: gRPC by proto-loader and grpc-js, REST by fetch.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { CODE, type CodeName } from "../../../src/base/status.ts";
import type { DType } from "../../../src/base/tensor.ts";
import { loadProtos } from "../../../src/protobuf/testing/protos.ts";
import type { Message, PredictionClient } from "../../support/prediction_client.ts";
import type { PlainSpec, PlainTensor } from "../tensorflow_serving/contract/contract_case.ts";

const protos = await loadProtos();

/** A prediction to ask for. */
export interface PlainPrediction {
  readonly spec: PlainSpec;
  readonly inputs: Readonly<Record<string, PlainTensor>>;
  readonly outputFilter: readonly string[];
}

/** A tensor's datatype, shape and bytes in hexadecimal. */
export type TensorText = readonly [datatype: string, shape: string, bytes: string];

/** Outputs by name, or a code or status. */
export type Outcome = { readonly outputs: Readonly<Record<string, TensorText>> } | {
  readonly code: CodeName | number;
  readonly message: string;
};

const DATATYPE: Readonly<Record<DType, string>> = {
  bool: "BOOL",
  u8: "UINT8",
  u16: "UINT16",
  u32: "UINT32",
  u64: "UINT64",
  i8: "INT8",
  i16: "INT16",
  i32: "INT32",
  i64: "INT64",
  f16: "FP16",
  f32: "FP32",
  f64: "FP64",
  bf16: "BF16",
  string: "BYTES",
};

/** The elements of a tensor as they lie in memory; strings with their lengths. */
export function bytesOf({ dtype, values }: PlainTensor): Buffer {
  const numbers = values.map(Number);
  const memoryOf = (elements: ArrayBufferView): Buffer => Buffer.from(elements.buffer as ArrayBuffer);
  switch (dtype) {
    case "string":
      return Buffer.concat(values.flatMap((value) => {
        const bytes = Buffer.from(String(value));
        const length = Buffer.alloc(4);
        length.writeUInt32LE(bytes.length);
        return [length, bytes];
      }));
    case "bool":
    case "u8":
      return memoryOf(Uint8Array.from(numbers));
    case "i8":
      return memoryOf(Int8Array.from(numbers));
    case "u16":
      return memoryOf(Uint16Array.from(numbers));
    case "i16":
      return memoryOf(Int16Array.from(numbers));
    case "u32":
      return memoryOf(Uint32Array.from(numbers));
    case "i32":
      return memoryOf(Int32Array.from(numbers));
    case "u64":
      return memoryOf(BigUint64Array.from(values.map((value) => BigInt(value))));
    case "i64":
      return memoryOf(BigInt64Array.from(values.map((value) => BigInt(value))));
    case "f16":
      return memoryOf(Float16Array.from(numbers));
    case "bf16":
      return memoryOf(Uint16Array.from(numbers, (value) => upperHalf(value)));
    case "f32":
      return memoryOf(Float32Array.from(numbers));
    case "f64":
      return memoryOf(Float64Array.from(numbers));
  }
}

/** The upper 16 bits of a float: a bfloat16 without rounding. */
function upperHalf(value: number): number {
  return (new Uint32Array(Float32Array.of(value).buffer)[0] as number) >>> 16;
}

/** A tensor as an outcome has it. */
export function textOf(tensor: PlainTensor): TensorText {
  return [DATATYPE[tensor.dtype], tensor.shape.join(), bytesOf(tensor).toString("hex")];
}

/** Asks over ModelInfer with raw contents. */
export async function inferOverGrpc(client: PredictionClient, prediction: PlainPrediction): Promise<Outcome> {
  const { spec, inputs, outputFilter } = prediction;
  const message = protos.encode("inference.ModelInferRequest", {
    model_name: spec.name ?? "",
    model_version: spec.version === undefined ? "" : String(spec.version),
    parameters: spec.signature === undefined ? {} : { signature_name: { string_param: spec.signature } },
    inputs: Object.entries(inputs).map(([name, { dtype, shape }]) => ({ name, datatype: DATATYPE[dtype], shape })),
    outputs: outputFilter.map((name) => ({ name })),
    raw_input_contents: Object.values(inputs).map(bytesOf),
  });
  try {
    const bytes = await client.callRaw("/inference.GRPCInferenceService/ModelInfer", { message });
    const reply = protos.decode("inference.ModelInferResponse", bytes);
    const raw = reply.raw_output_contents as Buffer[];
    return {
      outputs: Object.fromEntries((reply.outputs as Message[]).map(({ name, datatype, shape }, i) => {
        return [name, [datatype, String(shape), raw[i]?.toString("hex")]];
      })),
    };
  } catch (error) {
    const { code, details } = error as { code?: number; details?: string };
    const name = (Object.keys(CODE) as CodeName[]).find((candidate) => CODE[candidate] === code);
    if (name === undefined) throw error;
    return { code: name, message: details ?? "" };
  }
}

/** Asks over REST: the inputs as JSON or as bytes, the outputs as bytes. */
export async function inferOverRest(
  address: string,
  { spec, inputs, outputFilter }: PlainPrediction,
  { isBinary }: { isBinary: boolean },
): Promise<Outcome> {
  const binary = isBinary ? Buffer.concat(Object.values(inputs).map(bytesOf)) : Buffer.alloc(0);
  const listed = Object.entries(inputs).map(([name, tensor]) => {
    const head = `"name": ${JSON.stringify(name)}, "datatype": "${DATATYPE[tensor.dtype]}", "shape": [${tensor.shape}]`;
    const size = `"parameters": {"binary_data_size": ${bytesOf(tensor).length}}`;
    return `{${head}, ${isBinary ? size : `"data": [${tensor.values.map(toJson)}]`}}`;
  });
  const signature = spec.signature === undefined ? "" : `, "signature_name": ${JSON.stringify(spec.signature)}`;
  const outputs = outputFilter.length === 0
    ? ""
    : `, "outputs": ${JSON.stringify(outputFilter.map((name) => ({ name })))}`;
  const json = Buffer.from(`{"inputs": [${listed}], "parameters": {"binary_data_output": true${signature}}${outputs}}`);
  const version = spec.version === undefined ? "" : `/versions/${spec.version}`;
  const response = await fetch(`http://${address}/v2/models/${spec.name}${version}/infer`, {
    method: "POST",
    headers: isBinary ? { "inference-header-content-length": String(json.length) } : {},
    body: Buffer.concat([json, binary]),
  });
  const body = Buffer.from(await response.arrayBuffer());
  if (!response.ok) return { code: response.status, message: JSON.parse(body.toString()).error };
  const jsonBytes = Number(response.headers.get("inference-header-content-length"));
  let at = jsonBytes;
  const described = JSON.parse(body.subarray(0, jsonBytes).toString()).outputs as Message[];
  return {
    outputs: Object.fromEntries(described.map(({ name, datatype, shape, parameters }) => {
      const { binary_data_size: size } = parameters as { binary_data_size: number };
      return [name, [datatype, String(shape), body.subarray(at, at += size).toString("hex")]];
    })),
  };
}

function toJson(value: PlainTensor["values"][number]): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
