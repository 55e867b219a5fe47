/**
 * Which signatures regress, and how their output becomes a reply: the rules and error texts of TensorFlow Serving
 * (tensorflow_serving/servables/tensorflow/regressor.cc). As there, the signature's method name is ignored.
 *
 * @module
 */
import type { Signature } from "../base/signature.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import { dataTypeName } from "./data_type_name.ts";
import type { RegressionResult } from "./messages.ts";
import { formatSignature, formatTensorShape } from "./signature_text.ts";

/** The method name in a task of MultiInference (tensorflow/cc/saved_model/signature_constants.h). */
export const REGRESS_METHOD_NAME = "tensorflow/serving/regress";

/**
 * Checks that a signature is a regression: one input `inputs`, one output `outputs`.
 *
 * @throws {ServingError} INVALID_ARGUMENT if the signature does not regress.
 */
export function checkRegression(signature: Signature): void {
  const { inputs, outputs } = signature;
  if (inputs.length !== 1) throw invalid("Expected one input Tensor.");
  if (outputs.length !== 1) throw invalid("Expected one output Tensor.");
  if (inputs[0]?.name !== "inputs") {
    throw invalid(`No regression inputs found in SignatureDef: ${formatSignature(signature)}`);
  }
  if (outputs[0]?.name !== "outputs") {
    throw invalid(`No regression outputs found in SignatureDef: ${formatSignature(signature)}`);
  }
}

/**
 * Converts a regression's output to its result.
 *
 * @param output borrowed until this returns.
 * @throws {ServingError} INVALID_ARGUMENT unless the output holds one value an example, in the right dtype.
 */
export function toRegressions(output: Tensor, exampleCount: number): RegressionResult {
  const { shape } = output;
  if (!(shape.length === 1 || (shape.length === 2 && shape[1] === 1))) {
    throw invalid(
      `Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got ${formatTensorShape(shape)}`,
    );
  }
  if (shape[0] !== exampleCount) {
    throw invalid(`Input batch size did not match output batch size: ${exampleCount} vs. ${shape[0]}`);
  }
  if (output.dtype !== "f32") {
    throw invalid(`Expected output Tensor of DT_FLOAT.  Got: ${dataTypeName(output.dtype)}`);
  }
  const { buffer, byteOffset, byteLength } = output.bytes;
  const values = new DataView(buffer, byteOffset, byteLength);
  return Array.from({ length: exampleCount }, (_, example) => values.getFloat32(4 * example, true));
}

function invalid(sentence: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, sentence);
}
