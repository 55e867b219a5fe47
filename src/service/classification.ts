/**
 * Which signatures classify, and how their outputs become a reply: the rules and error texts of TensorFlow Serving
 * (tensorflow_serving/servables/tensorflow/classifier.cc). As there, the signature's method name is ignored.
 *
 * @module
 */
import type { Signature } from "../base/signature.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import { dataTypeName } from "./data_type_name.ts";
import type { Class, ClassificationResult } from "./messages.ts";
import { formatSignature, formatTensorShape } from "./signature_text.ts";

/** The method name in a task of MultiInference (tensorflow/cc/saved_model/signature_constants.h). */
export const CLASSIFY_METHOD_NAME = "tensorflow/serving/classify";

const NO_LABEL = new Uint8Array(0);

/** Indices of a classification's outputs in its signature; at least one is defined. */
export interface ClassificationOutputs {
  readonly classes: number | undefined;
  readonly scores: number | undefined;
}

/**
 * Finds the outputs of a classification.
 *
 * @throws {ServingError} INVALID_ARGUMENT if the signature does not classify.
 */
export function classificationOutputs(signature: Signature): ClassificationOutputs {
  const { inputs, outputs } = signature;
  if (inputs.length !== 1) throw invalid("Expected one input Tensor.");
  if (outputs.length !== 1 && outputs.length !== 2) {
    throw invalid(`Expected one or two output Tensors, found ${outputs.length}`);
  }
  if (inputs[0]?.name !== "inputs") {
    throw invalid(`No classification inputs found in SignatureDef: ${formatSignature(signature)}`);
  }
  const classes = outputs.findIndex(({ name }) => name === "classes");
  const scores = outputs.findIndex(({ name }) => name === "scores");
  if (classes < 0 && scores < 0) {
    throw invalid(
      'Expected classification signature outputs to contain at least one of "classes" or "scores". ' +
        `Signature was: ${formatSignature(signature)}`,
    );
  }
  return { classes: classes < 0 ? undefined : classes, scores: scores < 0 ? undefined : scores };
}

/**
 * Converts a classification's outputs to its result.
 *
 * @param outputs all outputs of the signature, borrowed until this returns.
 * @returns values and copies.
 * @throws {ServingError} INVALID_ARGUMENT unless the outputs hold one row of classes an example, in the right dtype.
 */
export function toClassifications(
  outputs: readonly Tensor[],
  { classes, scores, exampleCount }: ClassificationOutputs & { exampleCount: number },
): ClassificationResult {
  const labels = classes === undefined ? undefined : outputs[classes];
  const values = scores === undefined ? undefined : outputs[scores];
  const strings = labels === undefined ? undefined : checkLabels(labels, exampleCount);
  const floats = values === undefined ? undefined : checkScores(values, exampleCount);
  const classCount = (labels ?? values)?.shape[1] ?? 0;
  if (labels !== undefined && values !== undefined && values.shape[1] !== classCount) {
    const got = `${classCount} vs. ${values.shape[1]}`;
    throw invalid(`Tensors class and score should match in dim_size(1). Got ${got}`);
  }
  return Array.from({ length: exampleCount }, (_, example) =>
    Array.from({ length: classCount }, (_, index): Class => {
      const at = example * classCount + index;
      return { label: strings?.[at]?.slice() ?? NO_LABEL, score: floats?.getFloat32(4 * at, true) ?? 0 };
    }));
}

function checkLabels(tensor: Tensor, exampleCount: number): readonly Uint8Array[] {
  checkRank(tensor);
  if (tensor.dtype !== "string") {
    throw invalid(`Expected classes Tensor of DT_STRING. Got: ${dataTypeName(tensor.dtype)}`);
  }
  checkBatch(tensor, { name: "classes", exampleCount });
  return tensor.strings;
}

function checkScores(tensor: Tensor, exampleCount: number): DataView {
  checkRank(tensor);
  if (tensor.dtype !== "f32") {
    throw invalid(`Expected scores Tensor of DT_FLOAT. Got: ${dataTypeName(tensor.dtype)}`);
  }
  checkBatch(tensor, { name: "scores", exampleCount });
  const { buffer, byteOffset, byteLength } = tensor.bytes;
  return new DataView(buffer, byteOffset, byteLength);
}

function checkRank({ shape }: Tensor): void {
  if (shape.length !== 2) {
    throw invalid(`Expected Tensor shape: [batch_size num_classes] but got ${formatTensorShape(shape)}`);
  }
}

function checkBatch({ shape }: Tensor, { name, exampleCount }: { name: string; exampleCount: number }): void {
  if (shape[0] !== exampleCount) {
    throw invalid(`Expected ${name} output batch size of ${exampleCount}. Got: ${shape[0]}`);
  }
}

function invalid(sentence: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, sentence);
}
