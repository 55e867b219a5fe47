/**
 * Inference in plain types, for every API: acquire the servable a request names, bind the request to a signature, infer. All checks
 * of inputs are below this, so a request means the same over each protocol.
 *
 * @module
 */
import type { Signature, TensorSpec } from "../base/signature.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import type { Manager } from "../core/manager.ts";
import type { ServableHandle, ServableId } from "../core/servable.ts";
import type { Caller } from "../model/infer_request_pool.ts";
import type { ServableSignature } from "../model/loading/signatures.ts";
import type { ModelServable, PredictOptions } from "../model/model_servable.ts";
import { bindRequest, type BoundRequest } from "../model/request_binding.ts";
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
  ResponseOutput,
} from "./messages.ts";

export type { Caller } from "../model/infer_request_pool.ts";

type Handle = ServableHandle<ModelServable>;

/** Makes the reply to a prediction. */
export interface Responder<R> {
  readonly caller: Caller;
  /** Receives a reply that borrows the engine's memory and is valid only until this returns. */
  respond(response: PredictResponse): R;
}

/** Infers with the servables of a manager. */
export class PredictionService {
  readonly #manager: Manager<ModelServable>;
  readonly #versionZeroMeansLatest: boolean;
  readonly #convertsInputs: boolean;

  /**
   * @param options.versionZeroMeansLatest whether version 0 stands for the latest version, as model_server's clients mean it.
   * @param options.convertsInputs whether inputs of Predict may have other dtypes than the model's, as with ie_serving.
   */
  constructor(
    manager: Manager<ModelServable>,
    options: { versionZeroMeansLatest?: boolean; convertsInputs?: boolean } = {},
  ) {
    this.#manager = manager;
    this.#versionZeroMeansLatest = options.versionZeroMeansLatest === true;
    this.#convertsInputs = options.convertsInputs === true;
  }

  /**
   * Predicts and passes the reply to `responder`, whose result it returns: synchronously if the model is inferred on the event loop,
   * as a promise otherwise. The servable is held until then.
   *
   * @throws {ServingError} INVALID_ARGUMENT or NOT_FOUND for the model, what {@link bindRequest} throws, what inference throws.
   */
  predict<R>(request: PredictRequest, responder: Responder<R>): R | Promise<R> {
    return this.#use(
      request.modelSpec,
      this.#convertsInputs ? predictConverted<R> : predictWith<R>,
      request,
      responder,
    );
  }

  /**
   * Classifies `tensorflow.Example`s: synchronously if the model is inferred on the event loop, as a promise otherwise.
   *
   * @throws {ServingError} as {@link predict}, and what `classifyWith` of example_inference.ts throws.
   */
  classify(
    request: ClassificationRequest,
    options: { caller: Caller },
  ): ClassificationResponse | Promise<ClassificationResponse> {
    return this.#use(request.modelSpec, classifyWith, request, options);
  }

  /**
   * Computes a value for each of several `tensorflow.Example`s: synchronously if the model is inferred on the event loop, as a
   * promise otherwise.
   *
   * @throws {ServingError} as {@link predict}, and what `regressWith` of example_inference.ts throws.
   */
  regress(request: RegressionRequest, options: { caller: Caller }): RegressionResponse | Promise<RegressionResponse> {
    return this.#use(request.modelSpec, regressWith, request, options);
  }

  /**
   * Runs several classifications and regressions on one servable, that of the first task.
   *
   * @throws {ServingError} as {@link predict}, and what `multiInferWith` of example_inference.ts throws.
   */
  multiInference(
    request: MultiInferenceRequest,
    options: { caller: Caller },
  ): MultiInferenceResponse | Promise<MultiInferenceResponse> {
    const spec = request.tasks[0]?.modelSpec ?? { name: "", signatureName: "" };
    return this.#use(spec, multiInferWith, request, options);
  }

  /**
   * Returns the signatures of a servable.
   *
   * @param caller its record receives the model and the version; left out when the program itself asks.
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
    const { signatures, refused } = handle.servable;
    // What the model says, served or not.
    const all = new Map<string, Signature>(signatures);
    for (const [name, { signature }] of refused) if (signature !== undefined) all.set(name, signature);
    return { modelName: handle.id.name, modelVersion: handle.id.version, signatures: all };
  }

  /**
   * Acquires a servable, acts with it, and releases it when the result is there. `act` gets the request and the options as arguments
   * and so needs no closure: closures were a large share of request garbage.
   */
  #use<Q, O extends { readonly caller: Caller }, R>(
    spec: ModelSpec | undefined,
    act: (handle: Handle, request: Q, options: O) => R | Promise<R>,
    request: Q,
    options: O,
  ): R | Promise<R> {
    const { record } = options.caller;
    if (record !== undefined) record.modelName = spec?.name ?? "";
    const handle = this.#acquire(spec);
    if (record !== undefined) record.servable = handle.id;
    let result: R | Promise<R> | undefined;
    try {
      result = act(handle, request, options);
    } finally {
      if (!(result instanceof Promise)) handle[Symbol.dispose]();
    }
    return result instanceof Promise ? disposedAfter(result, handle) : result;
  }

  #acquire(spec: ModelSpec | undefined): Handle {
    if (spec === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Missing ModelSpec");
    if (spec.name === "") throw new ServingError(CODE.INVALID_ARGUMENT, "ModelSpec has no name specified.");
    const isLatest = spec.version === 0 && this.#versionZeroMeansLatest;
    return this.#manager.acquire(isLatest ? { name: spec.name } : spec);
  }
}

function disposedAfter<R>(result: Promise<R>, handle: Handle): Promise<R> {
  return result.finally(() => handle[Symbol.dispose]());
}

function predictWith<R>({ id, servable }: Handle, request: PredictRequest, responder: Responder<R>): R | Promise<R> {
  const bound = bindRequest(servable, request.modelSpec?.signatureName ?? "", request);
  return servable.predict(bound.inputs, new Prediction(id, bound, responder));
}

function predictConverted<R>(
  { id, servable }: Handle,
  request: PredictRequest,
  responder: Responder<R>,
): R | Promise<R> {
  const bound = bindRequest(servable, request.modelSpec?.signatureName ?? "", request, { convertsInputs: true });
  return servable.predict(bound.inputs, new Prediction(id, bound, responder));
}

/** A prediction under way: how it runs, and what happens to its outputs. */
class Prediction<R> implements PredictOptions<R> {
  readonly caller: Caller;
  readonly signature: ServableSignature;
  readonly #id: ServableId;
  readonly #request: BoundRequest;
  readonly #responder: Responder<R>;

  constructor(id: ServableId, request: BoundRequest, responder: Responder<R>) {
    this.caller = responder.caller;
    this.signature = request.signature;
    this.#id = id;
    this.#request = request;
    this.#responder = responder;
  }

  use(outputs: readonly Tensor[]): R {
    const { signatureName, selected } = this.#request;
    return this.#responder.respond({
      modelName: this.#id.name,
      modelVersion: this.#id.version,
      signatureName,
      outputs: namedOutputs(this.signature, outputs, selected),
    });
  }
}

/** @param selected indices into the signature's outputs; undefined for all. */
function namedOutputs(
  signature: Signature,
  outputs: readonly Tensor[],
  selected: readonly number[] | undefined,
): readonly ResponseOutput[] {
  const count = selected === undefined ? signature.outputs.length : selected.length;
  const named: ResponseOutput[] = new Array(count);
  for (let i = 0; i < count; i++) {
    const index = selected === undefined ? i : selected[i] as number;
    const { name } = signature.outputs[index] as TensorSpec;
    named[i] = { name, tensor: outputs[index] as Tensor };
  }
  return named;
}
