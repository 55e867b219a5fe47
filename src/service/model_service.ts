/**
 * Management of models in plain types, for every API: the states of versions, an index of all models, and a new set of models.
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
  ModelIndexEntry,
  ModelServerEntry,
  ModelVersionStatus,
  ReloadConfigRequest,
  ReloadConfigResponse,
} from "./messages.ts";

/** The set of models that ought to be served. */
export interface ModelSet {
  /** Returns the names of all its models, served or not. */
  names(): readonly string[];
  /**
   * Replaces the set.
   *
   * @returns when all loads are done: the new models that cannot be served.
   * @throws {ServingError} if the entries cannot be used; then nothing has changed.
   */
  replace(entries: readonly ModelServerEntry[]): Promise<readonly MissingModel[]>;
  /** Reads the models file again and applies it. Returns whether anything had changed. */
  refresh(): Promise<boolean>;
  /**
   * Loads a model of the set that is loaded by request alone, or looks for its versions again.
   *
   * @returns why it cannot be served, or undefined if it is.
   * @throws {ServingError} NOT_FOUND for a name that is not in the set, FAILED_PRECONDITION where models are loaded as configured.
   */
  load(name: string): Promise<MissingModel | undefined>;
  /** Unloads such a model. Fails as {@link load}. */
  unload(name: string): Promise<void>;
}

/** What every thread can do with models; the main thread answers for the others. */
export interface ModelManagement {
  /** As {@link ModelService.getModelStatus}. */
  getModelStatus(
    request: GetModelStatusRequest,
    caller: Pick<Caller, "record">,
  ): GetModelStatusResponse | Promise<GetModelStatusResponse>;
  /** As {@link ModelService.index}. */
  index(): readonly ModelIndexEntry[] | Promise<readonly ModelIndexEntry[]>;
  /** As {@link ModelService.load}. */
  load(name: string, parameters: readonly string[]): Promise<void>;
  /** As {@link ModelService.unload}. */
  unload(name: string): Promise<void>;
  /** As {@link ModelService.reloadConfig}. */
  reloadConfig(request: ReloadConfigRequest): Promise<ReloadConfigResponse>;
}

const OUTDATED = "The files have changed since this version was loaded, and it serves as it was loaded. " +
  "To serve the changed files, put them into the folder of a new version";

/** Manages the models of one manager. */
export class ModelService implements ModelManagement {
  readonly #manager: Manager<ModelServable>;
  readonly #models: ModelSet;
  readonly #versionZeroMeansLatest: boolean;

  /** @param options.versionZeroMeansLatest as in `PredictionService`; the status is then that of all versions. */
  constructor(
    manager: Manager<ModelServable>,
    models: ModelSet,
    options: { versionZeroMeansLatest?: boolean } = {},
  ) {
    this.#manager = manager;
    this.#models = models;
    this.#versionZeroMeansLatest = options.versionZeroMeansLatest === true;
  }

  /**
   * Returns the state of one version, or of all known versions.
   *
   * @param caller its record receives the model's name; left out when the program itself asks.
   * @throws {ServingError} INVALID_ARGUMENT without a model spec, NOT_FOUND for a model or version that was never aspired
   * (tensorflow_serving/model_servers/get_model_status_impl.cc).
   */
  getModelStatus(
    { modelSpec }: GetModelStatusRequest,
    { record }: Pick<Caller, "record"> = {},
  ): GetModelStatusResponse {
    if (record !== undefined) record.modelName = modelSpec?.name ?? "";
    if (modelSpec === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Missing ModelSpec");
    const { name, version } = modelSpec;
    const versions = this.#versionsOf(name);
    if (version === undefined || version === 0 && this.#versionZeroMeansLatest) {
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

  /** Returns all models of the set with all their known versions, the newest first; a model may have none. */
  index(): readonly ModelIndexEntry[] {
    return this.#models.names().map((name) => ({ name, versions: this.#versionsOf(name) }));
  }

  /** Reads the models file again and applies it. Returns whether anything had changed; without a file nothing has. */
  refresh(): Promise<boolean> {
    return this.#models.refresh();
  }

  /**
   * Replaces the set of models and waits until the new ones are loaded. TensorFlow Serving's counters are not kept, so each
   * reported increase is 0.
   *
   * @throws {ServingError} INVALID_ARGUMENT for a configuration that cannot be used, FAILED_PRECONDITION for a version label
   * that cannot be assigned, UNKNOWN if a new model cannot be served; the model then stays in the set
   * (tensorflow_serving/model_servers/{model_service_impl,server_core}.cc).
   */
  async reloadConfig(request: ReloadConfigRequest): Promise<ReloadConfigResponse> {
    if (request.models === undefined) {
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported",
      );
    }
    const missing = await this.#models.replace(request.models);
    if (missing.length > 0) throw missingError(missing);
    return { metrics: [...new Set(request.metricNames)].map((name) => ({ name, increase: 0 })) };
  }

  /**
   * Loads a model by request, and waits until it serves.
   *
   * @param parameters the names of the request's parameters, of which none is supported.
   * @throws {ServingError} as {@link ModelSet.load}; INVALID_ARGUMENT for a parameter; why the model cannot be loaded.
   */
  async load(name: string, parameters: readonly string[]): Promise<void> {
    const [parameter] = parameters;
    if (parameter !== undefined) {
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        `Cannot load '${name}': the parameter '${parameter}' is not supported`,
      );
    }
    const missing = await this.#models.load(name);
    if (missing === undefined) return;
    throw new ServingError(missing.error.code, `failed to load '${name}': ${missing.error.message}`, {
      detail: missing.error.detail,
    });
  }

  /**
   * Unloads a model by request. Its versions end when their requests have been answered.
   *
   * @throws {ServingError} as {@link ModelSet.load}.
   */
  unload(name: string): Promise<void> {
    return this.#models.unload(name);
  }

  #versionsOf(name: string): readonly ModelVersionStatus[] {
    return this.#manager.states(name).map(statusOf);
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
  // The version serves, so its code is OK: clients take any other code for a failure.
  if (error === undefined && isOutdated) return { version: id.version, state, code: CODE.OK, message: OUTDATED };
  return { version: id.version, state, code: error?.code ?? CODE.OK, message: error?.message ?? "" };
}
