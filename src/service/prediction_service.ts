/**
 * `tensorflow.serving.PredictionService` in plain types: which servable, which signature, are the inputs right, infer.
 * Both protocols call it, so a request means the same over each.
 *
 * @module
 */
import { checkTensors, orderInputs, selectOutputs, type Signature, type TensorSpec } from "../base/signature.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import type { Manager } from "../core/manager.ts";
import type { ServableHandle, ServableId } from "../core/servable.ts";
import type { Caller } from "../model/infer_request_pool.ts";
import { DEFAULT_SIGNATURE_NAME, type ModelServable, type PredictOptions } from "../model/model_servable.ts";
import type { ServableSignature } from "../model/loading/signatures.ts";
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

type Handle = ServableHandle<ModelServable>;

/** What a reply to a prediction is made with. */
export interface Answering<R> {
  readonly caller: Caller;
  /** Gets a reply that borrows the engine's memory: it is valid until this returns. */
  respond(response: PredictResponse): R;
}

/**
 * A request and what is to be done with the servable it names. The parts go along to `act`, which so needs to be no closure: those of a
 * request would be a good part of what it leaves to the garbage collector.
 */
interface Task<Q, O, R> {
  readonly spec: ModelSpec | undefined;
  readonly request: Q;
  readonly options: O;
  readonly act: (handle: Handle, request: Q, options: O) => R | Promise<R>;
}

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
   * @throws {ServingError} INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION as the contract says; what inferring throws.
   */
  predict<R>(request: PredictRequest, options: Answering<R>): R | Promise<R> {
    return this.#use({ spec: request.modelSpec, request, options, act: predictWith<R> });
  }

  /**
   * Classifies `tensorflow.Example`s: at once for a model that is inferred in the loop, as a promise otherwise.
   *
   * @throws {ServingError} as {@link predict}, and what `classifyWith` of example_inference.ts throws.
   */
  classify(
    request: ClassificationRequest,
    options: { caller: Caller },
  ): ClassificationResponse | Promise<ClassificationResponse> {
    return this.#use({ spec: request.modelSpec, request, options, act: classifyWith });
  }

  /**
   * Gives each of several `tensorflow.Example`s a value: at once for a model that is inferred in the loop, as a promise otherwise.
   *
   * @throws {ServingError} as {@link predict}, and what `regressWith` of example_inference.ts throws.
   */
  regress(
    request: RegressionRequest,
    options: { caller: Caller },
  ): RegressionResponse | Promise<RegressionResponse> {
    return this.#use({ spec: request.modelSpec, request, options, act: regressWith });
  }

  /**
   * Runs several classifications and regressions of one servable, the first task's.
   *
   * @throws {ServingError} as {@link predict}, and what `multiInferWith` of example_inference.ts throws.
   */
  multiInference(
    request: MultiInferenceRequest,
    options: { caller: Caller },
  ): MultiInferenceResponse | Promise<MultiInferenceResponse> {
    const spec = request.tasks[0]?.modelSpec ?? { name: "", signatureName: "" };
    return this.#use({ spec, request, options, act: multiInferWith });
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
  #use<Q, O extends { readonly caller: Caller }, R>(task: Task<Q, O, R>): R | Promise<R> {
    const { spec, request, options } = task;
    const { record } = options.caller;
    if (record !== undefined) record.modelName = spec?.name ?? "";
    const handle = this.#acquire(spec);
    if (record !== undefined) record.servable = handle.id;
    let result: R | Promise<R> | undefined;
    try {
      result = task.act(handle, request, options);
    } finally {
      if (!(result instanceof Promise)) handle[Symbol.dispose]();
    }
    return result instanceof Promise ? disposedAfter(result, handle) : result;
  }

  #acquire(spec: ModelSpec | undefined): Handle {
    if (spec === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Missing ModelSpec");
    if (spec.name === "") throw new ServingError(CODE.INVALID_ARGUMENT, "ModelSpec has no name specified.");
    return this.#manager.acquire(spec);
  }
}

function disposedAfter<R>(result: Promise<R>, handle: Handle): Promise<R> {
  return result.finally(() => handle[Symbol.dispose]());
}

function predictWith<R>(handle: Handle, request: PredictRequest, options: Answering<R>): R | Promise<R> {
  const { servable } = handle;
  const signatureName = request.modelSpec?.signatureName || DEFAULT_SIGNATURE_NAME;
  const signature = servable.signatures.get(signatureName);
  if (signature === undefined) {
    throw new ServingError(CODE.FAILED_PRECONDITION, `Serving signature key "${signatureName}" not found.`);
  }
  const inputs = orderInputs(signature, request.inputs);
  const selected = selectOutputs(signature, request.outputFilter);
  checkTensors(signature.inputs, inputs);
  return servable.predict(inputs, new Prediction(options, { id: handle.id, signatureName, signature, selected }));
}

/** A prediction on its way through the engine: how it runs, and what becomes of its outputs. */
class Prediction<R> implements PredictOptions<R> {
  readonly caller: Caller;
  readonly signature: ServableSignature;
  readonly #answering: Answering<R>;
  readonly #id: ServableId;
  readonly #signatureName: string;
  readonly #selected: readonly number[] | undefined;

  constructor(
    answering: Answering<R>,
    asked: {
      id: ServableId;
      signatureName: string;
      signature: ServableSignature;
      selected: readonly number[] | undefined;
    },
  ) {
    this.caller = answering.caller;
    this.signature = asked.signature;
    this.#answering = answering;
    this.#id = asked.id;
    this.#signatureName = asked.signatureName;
    this.#selected = asked.selected;
  }

  use(outputs: readonly Tensor[]): R {
    const { name: modelName, version: modelVersion } = this.#id;
    return this.#answering.respond({
      modelName,
      modelVersion,
      signatureName: this.#signatureName,
      outputs: namedOutputs(this.signature, outputs, { selected: this.#selected }),
    });
  }
}

function namedOutputs(
  signature: Signature,
  outputs: readonly Tensor[],
  { selected }: { selected: readonly number[] | undefined },
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
