/**
 * The cost of decoding and encoding a Predict, beside protobufjs.
 *
 * @module
 */
import { joinParts } from "../../../base/bytes.ts";
import type { NumericDType, NumericTensor } from "../../../base/tensor.ts";
import { DTYPE_BYTES } from "../../../base/tensor.ts";
import { decodePredictRequest, encodePredictRequest, encodePredictResponse } from "./predict_codec.ts";
import { loadProtos } from "../../../protobuf/testing/protos.ts";

const protos = await loadProtos();

function tensor(dtype: NumericDType, shape: number[]): NumericTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const bytes = new Uint8Array(count * DTYPE_BYTES[dtype]);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i, 0x9e3779b1) >>> 24;
  return { dtype, shape, bytes };
}

const CASES: { name: string; tensor: NumericTensor; asTensorContent: boolean }[] = [
  { name: "trivial, tensor_content", tensor: tensor("f32", [1, 10]), asTensorContent: true },
  { name: "trivial, float_val", tensor: tensor("f32", [1, 10]), asTensorContent: false },
  { name: "602 kB, tensor_content", tensor: tensor("f32", [1, 3, 224, 224]), asTensorContent: true },
  { name: "602 kB, float_val", tensor: tensor("f32", [1, 3, 224, 224]), asTensorContent: false },
  { name: "150 k i64, int64_val", tensor: tensor("i64", [1, 3, 224, 224]), asTensorContent: false },
  { name: "150 k u8, int_val", tensor: tensor("u8", [1, 3, 224, 224]), asTensorContent: false },
  { name: "150 k f16, half_val", tensor: tensor("f16", [1, 3, 224, 224]), asTensorContent: false },
];

for (const { name, tensor, asTensorContent } of CASES) {
  const modelSpec = { name: "resnet", signatureName: "serving_default" };
  const request = { modelSpec, inputs: [{ name: "x", tensor }], outputFilter: [] };
  const message = joinParts(encodePredictRequest(request, { asTensorContent }));
  Deno.bench(`decodePredictRequest: ${name}`, { group: `decode ${name}`, baseline: true }, () => {
    decodePredictRequest(message);
  });
  Deno.bench(`protobufjs: ${name}`, { group: `decode ${name}` }, () => {
    protos.decode("tensorflow.serving.PredictRequest", message);
  });

  const outputs = [{ name: "y", tensor }];
  const response = { modelName: "resnet", modelVersion: 1, signatureName: "serving_default", outputs };
  const object = protos.decode(
    "tensorflow.serving.PredictResponse",
    joinParts(encodePredictResponse(response, { asTensorContent })),
  );
  Deno.bench(`encodePredictResponse: ${name}`, { group: `encode ${name}`, baseline: true }, () => {
    encodePredictResponse(response, { asTensorContent });
  });
  Deno.bench(`protobufjs: ${name}`, { group: `encode ${name}` }, () => {
    protos.encode("tensorflow.serving.PredictResponse", object);
  });
}
