/**
 * Classify, Regress and MultiInference with a servable. Serialized examples form one string tensor, as in TensorFlow
 * Serving (tensorflow_serving/servables/tensorflow/{classifier,regressor,multi_inference,util}.cc).
 *
 * @module
 */
import { checkTensors } from "../base/signature.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import type { ServableHandle } from "../core/servable.ts";
import type { Caller } from "../model/infer_request_pool.ts";
import { DEFAULT_SIGNATURE_NAME, type ModelServable } from "../model/model_servable.ts";
import type { ServableSignature } from "../model/loading/signatures.ts";
import { findSignature } from "../model/request_binding.ts";
import { classificationOutputs, CLASSIFY_METHOD_NAME, toClassifications } from "./classification.ts";
import type {
  ClassificationRequest,
  ClassificationResponse,
  Examples,
  InferenceResult,
  InferenceTask,
  ModelSpec,
  MultiInferenceRequest,
  MultiInferenceResponse,
  RegressionRequest,
  RegressionResponse,
  ServedBy,
} from "./messages.ts";
import { checkRegression, REGRESS_METHOD_NAME, toRegressions } from "./regression.ts";

type Handle = ServableHandle<ModelServable>;

/** One inference: examples for a signature, and the caller. */
interface Run {
  readonly signature: ServableSignature;
  readonly examples: Examples;
  readonly caller: Caller;
}

/**
 * Classifies examples.
 *
 * @throws {ServingError} INVALID_ARGUMENT if the signature is no classification, there are no examples, or the outputs are no classes.
 */
export function classifyWith(
  handle: Handle,
  { modelSpec, examples }: ClassificationRequest,
  { caller }: { caller: Caller },
): ClassificationResponse | Promise<ClassificationResponse> {
  const signature = findSignature(handle.servable, signatureNameOf(modelSpec), unknownSignature);
  return classify(handle, servedBy(handle, modelSpec), { signature, examples, caller });
}

function classify(
  handle: Handle,
  served: ServedBy,
  run: Run,
): ClassificationResponse | Promise<ClassificationResponse> {
  const where = classificationOutputs(run.signature);
  const exampleCount = run.examples.length;
  return infer(handle, run, (outputs) => ({
    ...served,
    result: toClassifications(outputs, { ...where, exampleCount }),
  }));
}

/**
 * Computes a value for each example.
 *
 * @throws {ServingError} INVALID_ARGUMENT if the signature is no regression, there are no examples, or the output is no values.
 */
export function regressWith(
  handle: Handle,
  { modelSpec, examples }: RegressionRequest,
  { caller }: { caller: Caller },
): RegressionResponse | Promise<RegressionResponse> {
  const signature = findSignature(handle.servable, signatureNameOf(modelSpec), unknownSignature);
  return regress(handle, servedBy(handle, modelSpec), { signature, examples, caller });
}

function regress(handle: Handle, served: ServedBy, run: Run): RegressionResponse | Promise<RegressionResponse> {
  checkRegression(run.signature);
  const exampleCount = run.examples.length;
  return infer(handle, run, ([output]) => ({ ...served, result: toRegressions(output as Tensor, exampleCount) }));
}

/**
 * Classifies and regresses the same examples by several signatures, with one inference each. All tasks are checked before the first
 * one runs.
 *
 * @throws {ServingError} INVALID_ARGUMENT for tasks of several models, or a signature that is repeated, unknown or of another kind
 * than its task; UNIMPLEMENTED for a task of neither kind; what classifying and regressing throw.
 */
export async function multiInferWith(
  handle: Handle,
  { tasks, examples }: MultiInferenceRequest,
  { caller }: { caller: Caller },
): Promise<MultiInferenceResponse> {
  const signatures = checkTasks(handle, tasks);
  const results: InferenceResult[] = [];
  for (const [index, { modelSpec, methodName }] of tasks.entries()) {
    const run = { signature: signatures[index] as ServableSignature, examples, caller };
    const served = servedBy(handle, modelSpec);
    if (methodName === CLASSIFY_METHOD_NAME) {
      results.push({ kind: "classification", ...await classify(handle, served, run) });
    } else {
      results.push({ kind: "regression", ...await regress(handle, served, run) });
    }
  }
  return { results };
}

function checkTasks(handle: Handle, tasks: readonly InferenceTask[]): ServableSignature[] {
  const seen = new Set<string>();
  return tasks.map(({ modelSpec, methodName }) => {
    const name = modelSpec?.name ?? "";
    if (name === "") throw invalid("Found ModelSpec with an empty model name.");
    if (name !== tasks[0]?.modelSpec?.name) {
      throw invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.");
    }
    const signatureName = signatureNameOf(modelSpec);
    if (seen.has(signatureName)) throw invalid(`Duplicate evaluation of signature: ${signatureName}`);
    seen.add(signatureName);
    const signature = findSignature(handle.servable, signatureName, unknownTaskSignature);
    if (methodName === CLASSIFY_METHOD_NAME) classificationOutputs(signature);
    else if (methodName === REGRESS_METHOD_NAME) checkRegression(signature);
    else throw new ServingError(CODE.UNIMPLEMENTED, `Unsupported signature method_name: ${methodName}`);
    return signature;
  });
}

function unknownSignature(name: string): ServingError {
  return invalid(`No signature was found with the name: ${name}`);
}

function unknownTaskSignature(name: string): ServingError {
  return invalid(`Requested signature not found in model graph: ${name}`);
}

function signatureNameOf(modelSpec: ModelSpec | undefined): string {
  return modelSpec?.signatureName || DEFAULT_SIGNATURE_NAME;
}

function servedBy({ id }: Handle, modelSpec: ModelSpec | undefined): ServedBy {
  return { modelName: id.name, modelVersion: id.version, signatureName: signatureNameOf(modelSpec) };
}

function infer<R>(
  { servable }: Handle,
  { signature, examples, caller }: Run,
  use: (outputs: readonly Tensor[]) => R,
): R | Promise<R> {
  if (examples.length === 0) throw invalid("Input is empty.");
  if (caller.record !== undefined) caller.record.exampleCount = examples.length;
  const inputs: readonly Tensor[] = [{ dtype: "string", shape: [examples.length], strings: examples }];
  checkTensors(signature.inputs, inputs);
  return servable.predict(inputs, { signature, caller, use });
}

function invalid(sentence: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, sentence);
}
