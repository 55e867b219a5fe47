/**
 * The request of a load in each API: its path, headers and body, and the outputs in its reply.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { joinParts } from "../src/base/bytes.ts";
import { messagePrefix } from "../src/grpc/message_reader.ts";
import { decodePredictResponse, encodePredictRequest } from "../src/apis/tensorflow_serving/grpc/predict_codec.ts";
import { loadProtos } from "../src/protobuf/testing/protos.ts";

/** How many bytes of a body are JSON, where binary tensors follow. */
export const LENGTH_HEADER = "inference-header-content-length";

/** How a load is sent: Predict with tensor_content, ModelInfer with raw contents, or infer over REST with binary tensors. */
export type ApiName = "Predict" | "ModelInfer" | "REST infer";

/** One API. */
export interface BenchApi {
  readonly isRest: boolean;
  /** Encodes a request with the f32 tensor `x`. */
  encode(
    model: { modelName: string; shape: readonly number[] },
    x: Uint8Array<ArrayBuffer>,
  ): { path: string; headers: readonly string[]; body: Uint8Array<ArrayBuffer> };
  /** Returns the f32 outputs of a reply, and fails for others. */
  decode(reply: Uint8Array, jsonBytes: number): readonly Uint8Array[];
}

const protos = await loadProtos();

const GRPC_HEADERS = ["content-type: application/grpc", "te: trailers"];

/** The APIs. */
export const APIS: Readonly<Record<ApiName, BenchApi>> = {
  "Predict": {
    isRest: false,
    encode: ({ modelName, shape }, bytes) => {
      const inputs = [{ name: "x", tensor: { dtype: "f32", shape, bytes } as const }];
      const request = { modelSpec: { name: modelName, signatureName: "" }, inputs, outputFilter: [] };
      const body = framed(joinParts(encodePredictRequest(request, { asTensorContent: true })));
      return { path: "/tensorflow.serving.PredictionService/Predict", headers: GRPC_HEADERS, body };
    },
    decode: (reply) =>
      decodePredictResponse(reply).outputs.map(({ name, tensor }) => {
        if (tensor.dtype !== "f32") throw new Error(`${name} is ${tensor.dtype}`);
        return tensor.bytes;
      }),
  },
  "ModelInfer": {
    isRest: false,
    encode: ({ modelName, shape }, bytes) => {
      const body = framed(protos.encode("inference.ModelInferRequest", {
        "model_name": modelName,
        inputs: [{ name: "x", datatype: "FP32", shape }],
        "raw_input_contents": [Buffer.from(bytes.buffer)],
      }));
      return { path: "/inference.GRPCInferenceService/ModelInfer", headers: GRPC_HEADERS, body };
    },
    decode: (reply) => protos.decode("inference.ModelInferResponse", reply)["raw_output_contents"] as Uint8Array[],
  },
  "REST infer": {
    isRest: true,
    encode: ({ modelName, shape }, bytes) => {
      const input = { name: "x", datatype: "FP32", shape, parameters: { "binary_data_size": bytes.length } };
      const json = new TextEncoder().encode(
        JSON.stringify({ inputs: [input], parameters: { "binary_data_output": true } }),
      );
      const headers = ["content-type: application/octet-stream", `${LENGTH_HEADER}: ${json.length}`];
      return {
        path: `/v2/models/${modelName}/infer`,
        headers,
        body: joinParts([json, bytes]) as Uint8Array<ArrayBuffer>,
      };
    },
    // The models have one output each.
    decode: (reply, jsonBytes) => [reply.subarray(jsonBytes)],
  },
};

function framed(message: Uint8Array): Uint8Array<ArrayBuffer> {
  return joinParts([messagePrefix(message.length, false), message]) as Uint8Array<ArrayBuffer>;
}
