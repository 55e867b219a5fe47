/**
 * `tensorflow.serving.ModelService` in plain types: in which state the versions of a model are.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import type { Manager } from "../core/manager.ts";
import type { ServableState } from "../core/servable.ts";
import type { ModelServable } from "../model/model_servable.ts";
import type { GetModelStatusRequest, GetModelStatusResponse, ModelVersionStatus } from "./messages.ts";

/** Answers for the state of a manager's servables. */
export class ModelService {
  readonly #manager: Manager<ModelServable>;

  constructor(manager: Manager<ModelServable>) {
    this.#manager = manager;
  }

  /**
   * The states of one version, or of all that are known.
   *
   * @throws {ServingError} INVALID_ARGUMENT without a model spec, NOT_FOUND for what was never aspired
   * (tensorflow_serving/model_servers/get_model_status_impl.cc).
   */
  getModelStatus(request: GetModelStatusRequest): GetModelStatusResponse {
    const { modelSpec } = request;
    if (modelSpec === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Missing ModelSpec");
    const { name, version } = modelSpec;
    const states = this.#manager.states(name);
    if (version === undefined) {
      if (states.length === 0) {
        throw new ServingError(CODE.NOT_FOUND, `Could not find any versions of model ${name}`);
      }
      return { versions: states.map(statusOf) };
    }
    const state = states.find((candidate) => candidate.id.version === Number(version));
    if (state === undefined) {
      throw new ServingError(CODE.NOT_FOUND, `Could not find version ${version} of model ${name}`);
    }
    return { versions: [statusOf(state)] };
  }
}

function statusOf({ id, state, error }: ServableState): ModelVersionStatus {
  return { version: id.version, state, code: error?.code ?? CODE.OK, message: error?.message ?? "" };
}
