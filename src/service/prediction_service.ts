/**
 * `tensorflow.serving.PredictionService` in plain types: which servable, which signature, are the inputs right, infer.
 * Both protocols call it, so a request means the same over each.
 *
 * @module
 */
import { checkTensors, orderInputs, selectOutputs, type TensorSpec } from "../base/signature.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import type { Manager } from "../core/manager.ts";
import type { ServableHandle } from "../core/servable.ts";
import type { Caller } from "../model/infer_request_pool.ts";
import { DEFAULT_SIGNATURE_NAME, type ModelServable } from "../model/model_servable.ts";
import { classifyWith, multiInferWith, regressWith } from "./example_inference.ts";
import type {
  ClassificationRequest,
  ClassificationResponse,
  GetModelMetadataRequest,
  GetModelMetadataResponse,
  ModelSpec,
  MultiInferenceRequest,
  MultiInferenceResponse,
  PredictRequest,
  PredictResponse,
  RegressionRequest,
  RegressionResponse,
} from "./messages.ts";

/** Answers predictions with the servables of a manager. */
export class PredictionService {
  readonly #manager: Manager<ModelServable>;

  constructor(manager: Manager<ModelServable>) {
    this.#manager = manager;
  }

  /**
   * Predicts and hands the reply to `respond`, whose result it returns: at once for a model that is inferred in the loop, as a
   * promise otherwise. The servable is held until then.
   *
   * The order of checks is TensorFlow Serving's: model, signature, names, tensors, output filter; then dtypes and shapes, which
   * its kernels check.
   *
   * @param respond gets a reply that borrows the engine's memory: it is valid until `respond` returns.
   * @throws {ServingError} INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION as the contract says; what inferring throws.
   */
  predict<R>(
    request: PredictRequest,
    options: { caller: Caller; respond: (response: PredictResponse) => R },
  ): R | Promise<R> {
    return this.#use(
      { spec: request.modelSpec, caller: options.caller },
      (handle) => predictWith(handle, request, options),
    );
  }

  /**
   * Classifies `tensorflow.Example`s: at once for a model that is inferred in the loop, as a promise otherwise.
   *
   * @throws {ServingError} as {@link predict}, and what `classifyWith` of example_inference.ts throws.
   */
  classify(
    request: ClassificationRequest,
    { caller }: { caller: Caller },
  ): ClassificationResponse | Promise<ClassificationResponse> {
    return this.#use({ spec: request.modelSpec, caller }, (handle) => classifyWith(handle, request, caller));
  }

  /**
   * Gives each of several `tensorflow.Example`s a value: at once for a model that is inferred in the loop, as a promise otherwise.
   *
   * @throws {ServingError} as {@link predict}, and what `regressWith` of example_inference.ts throws.
   */
  regress(
    request: RegressionRequest,
    { caller }: { caller: Caller },
  ): RegressionResponse | Promise<RegressionResponse> {
    return this.#use({ spec: request.modelSpec, caller }, (handle) => regressWith(handle, request, caller));
  }

  /**
   * Runs several classifications and regressions of one servable, the first task's.
   *
   * @throws {ServingError} as {@link predict}, and what `multiInferWith` of example_inference.ts throws.
   */
  multiInference(
    request: MultiInferenceRequest,
    { caller }: { caller: Caller },
  ): MultiInferenceResponse | Promise<MultiInferenceResponse> {
    const modelSpec = request.tasks[0]?.modelSpec ?? { name: "", signatureName: "" };
    return this.#use({ spec: modelSpec, caller }, (handle) => multiInferWith(handle, request, caller));
  }

  /**
   * The signatures of a servable.
   *
   * @param caller what is said of it in its record; nobody, when the program itself wants to know.
   * @throws {ServingError} INVALID_ARGUMENT for a missing model spec or an unknown metadata field, NOT_FOUND for the servable
   * (tensorflow_serving/servables/tensorflow/get_model_metadata_impl.cc).
   */
  getModelMetadata(
    request: GetModelMetadataRequest,
    { record }: Pick<Caller, "record"> = {},
  ): GetModelMetadataResponse {
    if (record !== undefined) record.modelName = request.modelSpec?.name ?? "";
    if (request.modelSpec === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Missing ModelSpec");
    if (request.metadataFields.length === 0) {
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        "GetModelMetadataRequest must specify at least one metadata_field",
      );
    }
    const unknown = request.metadataFields.find((field) => field !== "signature_def");
    if (unknown !== undefined) {
      throw new ServingError(CODE.INVALID_ARGUMENT, `Metadata field ${unknown} is not supported`);
    }
    using handle = this.#acquire(request.modelSpec);
    if (record !== undefined) record.servable = handle.id;
    return { modelName: handle.id.name, modelVersion: handle.id.version, signatures: handle.servable.signatures };
  }

  /** Does something with a servable, which is held until it is done. */
  #use<R>(
    { spec, caller: { record } }: { spec: ModelSpec | undefined; caller: Caller },
    action: (handle: ServableHandle<ModelServable>) => R | Promise<R>,
  ): R | Promise<R> {
    if (record !== undefined) record.modelName = spec?.name ?? "";
    const handle = this.#acquire(spec);
    if (record !== undefined) record.servable = handle.id;
    let result: R | Promise<R> | undefined;
    try {
      result = action(handle);
    } finally {
      if (!(result instanceof Promise)) handle[Symbol.dispose]();
    }
    return result instanceof Promise ? result.finally(() => handle[Symbol.dispose]()) : result;
  }

  #acquire(spec: ModelSpec | undefined): ServableHandle<ModelServable> {
    if (spec === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Missing ModelSpec");
    if (spec.name === "") throw new ServingError(CODE.INVALID_ARGUMENT, "ModelSpec has no name specified.");
    return this.#manager.acquire(spec);
  }
}

function predictWith<R>(
  handle: ServableHandle<ModelServable>,
  request: PredictRequest,
  { caller, respond }: { caller: Caller; respond: (response: PredictResponse) => R },
): R | Promise<R> {
  const { servable, id } = handle;
  const signatureName = request.modelSpec?.signatureName || DEFAULT_SIGNATURE_NAME;
  const signature = servable.signatures.get(signatureName);
  if (signature === undefined) {
    throw new ServingError(CODE.FAILED_PRECONDITION, `Serving signature key "${signatureName}" not found.`);
  }
  const inputs = orderInputs(signature, request.inputs);
  const selected = selectOutputs(signature, request.outputFilter);
  checkTensors(signature.inputs, inputs);
  return servable.predict(inputs, {
    signature,
    caller,
    use: (outputs) =>
      respond({
        modelName: id.name,
        modelVersion: id.version,
        signatureName,
        outputs: selected.map((index) => ({
          name: (signature.outputs[index] as TensorSpec).name,
          tensor: outputs[index] as Tensor,
        })),
      }),
  });
}
