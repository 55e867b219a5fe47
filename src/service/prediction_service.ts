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
import type {
  GetModelMetadataRequest,
  GetModelMetadataResponse,
  ModelSpec,
  PredictRequest,
  PredictResponse,
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
    const handle = this.#acquire(request.modelSpec);
    let result: R | Promise<R> | undefined;
    try {
      result = predictWith(handle, request, options);
    } finally {
      if (!(result instanceof Promise)) handle[Symbol.dispose]();
    }
    return result instanceof Promise ? result.finally(() => handle[Symbol.dispose]()) : result;
  }

  /**
   * The signatures of a servable.
   *
   * @throws {ServingError} INVALID_ARGUMENT for a missing model spec or an unknown metadata field, NOT_FOUND for the servable
   * (tensorflow_serving/servables/tensorflow/get_model_metadata_impl.cc).
   */
  getModelMetadata(request: GetModelMetadataRequest): GetModelMetadataResponse {
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
    return { modelName: handle.id.name, modelVersion: handle.id.version, signatures: handle.servable.signatures };
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
