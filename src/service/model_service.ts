/**
 * `tensorflow.serving.ModelService` in plain types: in which state the versions of a model are, and another set of models.
 *
 * @module
 */
import { CODE, type CodeName, ServingError } from "../base/status.ts";
import type { Manager } from "../core/manager.ts";
import type { ServableState } from "../core/servable.ts";
import type { Caller } from "../model/infer_request_pool.ts";
import type { MissingModel } from "../model/model_catalog.ts";
import type { ModelServable } from "../model/model_servable.ts";
import type {
  GetModelStatusRequest,
  GetModelStatusResponse,
  ModelServerEntry,
  ModelVersionStatus,
  ReloadConfigRequest,
  ReloadConfigResponse,
} from "./messages.ts";

/**
 * Replaces the set of models.
 *
 * @returns when the loads are done: the new models that cannot be served.
 * @throws {ServingError} when the entries cannot be used; nothing has changed then.
 */
export type ReplaceModels = (entries: readonly ModelServerEntry[]) => Promise<readonly MissingModel[]>;

const OUTDATED = "The files have changed since this version was loaded, and it serves as it was loaded. " +
  "To serve the changed files, put them into the folder of a new version";

/** Answers for the state of a manager's servables. */
export class ModelService {
  readonly #manager: Manager<ModelServable>;
  readonly #replaceModels: ReplaceModels;

  constructor(manager: Manager<ModelServable>, replaceModels: ReplaceModels) {
    this.#manager = manager;
    this.#replaceModels = replaceModels;
  }

  /**
   * The states of one version, or of all that are known.
   *
   * @param caller what is said of it in its record; nobody, when the program itself wants to know.
   * @throws {ServingError} INVALID_ARGUMENT without a model spec, NOT_FOUND for what was never aspired
   * (tensorflow_serving/model_servers/get_model_status_impl.cc).
   */
  getModelStatus(
    { modelSpec }: GetModelStatusRequest,
    { record }: Pick<Caller, "record"> = {},
  ): GetModelStatusResponse {
    if (record !== undefined) record.modelName = modelSpec?.name ?? "";
    if (modelSpec === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Missing ModelSpec");
    const { name, version } = modelSpec;
    const versions = this.versionsOf(name);
    if (version === undefined) {
      if (versions.length === 0) {
        throw new ServingError(CODE.NOT_FOUND, `Could not find any versions of model ${name}`);
      }
      return { versions };
    }
    const found = versions.find((candidate) => candidate.version === Number(version));
    if (found === undefined) {
      throw new ServingError(CODE.NOT_FOUND, `Could not find version ${version} of model ${name}`);
    }
    return { versions: [found] };
  }

  /** The states of all versions of a model that are known, the newest first; there may be none. */
  versionsOf(name: string): readonly ModelVersionStatus[] {
    return this.#manager.states(name).map(statusOf);
  }

  /**
   * Replaces the set of models and waits until the new ones are loaded. No counter of TensorFlow Serving's is kept, so none
   * has risen.
   *
   * @throws {ServingError} INVALID_ARGUMENT for a configuration that cannot be used, FAILED_PRECONDITION for a version label
   * that cannot be assigned, UNKNOWN when a new model cannot be served; it stays in the set then
   * (tensorflow_serving/model_servers/{model_service_impl,server_core}.cc).
   */
  async reloadConfig(request: ReloadConfigRequest): Promise<ReloadConfigResponse> {
    if (request.models === undefined) {
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported",
      );
    }
    const missing = await this.#replaceModels(request.models);
    if (missing.length > 0) throw missingError(missing);
    return { metrics: [...new Set(request.metricNames)].map((name) => ({ name, increase: 0 })) };
  }
}

function missingError(missing: readonly MissingModel[]): ServingError {
  const each = missing.map(({ name, version, error }) => {
    const id = version === undefined ? `{name: ${name}}` : `{name: ${name} version: ${version}}`;
    return `{${id} due to error: ${codeName(error)}: ${error.message}}, `;
  });
  return new ServingError(CODE.UNKNOWN, `${missing.length} model(s) did not become available: {${each.join("")}}`);
}

function codeName({ code }: ServingError): string {
  return (Object.keys(CODE) as CodeName[]).find((name) => CODE[name] === code) ?? "UNKNOWN";
}

function statusOf({ id, state, error, isOutdated }: ServableState): ModelVersionStatus {
  // It serves as well as ever, so the code is that of one that does: clients take any other for a failure.
  if (error === undefined && isOutdated) return { version: id.version, state, code: CODE.OK, message: OUTDATED };
  return { version: id.version, state, code: error?.code ?? CODE.OK, message: error?.message ?? "" };
}
