/**
 * The models of a server: the manager that owns their versions, the catalog that decides which versions there should be, and the
 * loading of a version for all threads. Everything that happens to them is logged here.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import { CODE, detailOf, ServingError } from "../base/status.ts";
import type { Batching } from "../config/batching_parameters.ts";
import type { Config, ModelConfig } from "../config/config.ts";
import type { ReadModels } from "../config/models_file_watch.ts";
import { Manager, type ServableState } from "../core/manager.ts";
import type { Engine } from "../engine/engine.ts";
import type { Quarantine } from "../model/gates/quarantine.ts";
import { type MissingModel, ModelCatalog } from "../model/model_catalog.ts";
import type { ModelServable } from "../model/model_servable.ts";
import type { SourceVersion } from "../model/source/source.ts";
import type { ServingThreads } from "../threads/serving_threads.ts";
import { openSource } from "./sources.ts";
import { loadVersion } from "./version_loader.ts";

/** What models are loaded with. All of it is borrowed. */
export interface ServedModelsParts {
  readonly engine: Engine;
  /** Those besides the main one: each of them serves every version too. */
  readonly threads: ServingThreads;
  readonly batching: Batching | undefined;
  readonly quarantine: Quarantine | undefined;
  readonly log: Log;
}

/** Receives changes of the models. Must not throw. */
export interface ModelsListener {
  onStateChange(state: ServableState): void;
  /** The set of models has been replaced. */
  onModelsChange(): void;
}

/** The models. Disposing them waits for requests, then frees every version. */
export class ServedModels implements AsyncDisposable {
  readonly manager: Manager<ModelServable>;
  readonly #catalog: ModelCatalog<ModelServable>;
  readonly #listeners: ModelsListener[] = [];
  /** All configured models; those that are loaded by request alone may not be among the catalog's. */
  #repository: readonly ModelConfig[] = [];
  /** Names of the models that were loaded by request; undefined where all configured models are loaded. */
  readonly #requested: Set<string> | undefined;
  readonly #config: Config;
  readonly #parts: ServedModelsParts;

  constructor(config: Config, parts: ServedModelsParts) {
    const { loading, shutdownGraceMs, allowLabelsForUnavailable, pollIntervalMs } = config;
    const { threads, log } = parts;
    this.#config = config;
    this.#requested = config.explicitModels && new Set(config.explicitModels);
    this.#parts = parts;
    this.manager = new Manager({
      ...loading,
      disposeWaitMs: shutdownGraceMs,
      allowLabelsForUnavailable,
      onStateChange: (state) => {
        logState(log, state);
        for (const listener of this.#listeners) listener.onStateChange(state);
      },
      onLabelsChange: (name, labels) => threads.label(name, labels),
    });
    this.#catalog = new ModelCatalog({
      manager: this.manager,
      openSource: (listener) => openSource(pollIntervalMs, listener),
      onEvent: ({ kind, publicReason: _, ...fields }) => log.warning(kind, { ...fields }),
      load: (model, version) => this.#load(model, version),
    });
  }

  /** The names of all models in the set, served or not. */
  get names(): readonly string[] {
    return this.#catalog.names;
  }

  /** The names of all configured models, loaded or not. */
  get repositoryNames(): readonly string[] {
    return this.#repository.map(({ name }) => name);
  }

  /** Whether any version can answer requests. */
  get hasAvailable(): boolean {
    return this.manager.names().some((name) => this.manager.states(name).some(({ state }) => state === "available"));
  }

  /** Reports each change to a listener, after those added before it. */
  watch(listener: ModelsListener): void {
    this.#listeners.push(listener);
  }

  /**
   * Replaces the set of models.
   *
   * @param leaving once it is aborted, missing models are not logged: the shutdown interrupted their loads.
   * @returns when all loads are done: the models that cannot be served.
   * @throws what `read` throws, and as {@link ModelCatalog.replace}; what was served before goes on then.
   */
  async replace(origin: string, read: ReadModels, leaving?: AbortSignal): Promise<readonly MissingModel[]> {
    const { log } = this.#parts;
    let notes: readonly string[] = [];
    const missing = await this.#catalog.replace(() => {
      const { models, notes: found } = read(this.#repository);
      notes = found;
      this.#repository = models;
      this.#takeNames();
      return this.#wanted();
    });
    if (leaving?.aborted) return missing;
    for (const note of notes) log.warning("configuration ignored", { origin, note });
    for (const { name, version, error } of missing) {
      log.warning("model not served", { name, version, reason: error.detail });
    }
    return missing;
  }

  /** As {@link replace}, for a server that has started: resolves when all threads know the new set. */
  async reload(origin: string, read: ReadModels): Promise<readonly MissingModel[]> {
    const missing = await this.replace(origin, read);
    await this.#parts.threads.settled();
    for (const listener of this.#listeners) listener.onModelsChange();
    this.#parts.log.info("configuration reloaded", { origin, models: this.names });
    return missing;
  }

  /**
   * Loads a model that is loaded by request alone, or looks for its versions again.
   *
   * @returns when it is loaded; why it cannot be served, if it cannot.
   * @throws {ServingError} NOT_FOUND for a name that is not configured, FAILED_PRECONDITION where models are loaded as configured.
   */
  async loadByRequest(name: string): Promise<MissingModel | undefined> {
    const requested = this.#requestedNames(name);
    const isNew = !requested.has(name);
    requested.add(name);
    const missing = (await this.#applyRequested()).find((model) => model.name === name);
    if (missing === undefined || !isNew) return missing;
    requested.delete(name);
    await this.#applyRequested();
    return missing;
  }

  /** Unloads such a model. Fails as {@link loadByRequest}. */
  async unloadByRequest(name: string): Promise<void> {
    this.#requestedNames(name).delete(name);
    await this.#applyRequested();
  }

  #requestedNames(name: string): Set<string> {
    if (this.#requested === undefined) {
      throw new ServingError(
        CODE.FAILED_PRECONDITION,
        `Cannot load or unload '${name}' by request: models are loaded as they are configured. ` +
          "Start the server with --model_control_mode explicit to load them by request",
      );
    }
    if (!this.repositoryNames.includes(name)) {
      throw new ServingError(CODE.NOT_FOUND, `There is no model '${name}' in the repository`);
    }
    return this.#requested;
  }

  async #applyRequested(): Promise<readonly MissingModel[]> {
    const missing = await this.#catalog.replace(() => this.#wanted());
    await this.#parts.threads.settled();
    for (const listener of this.#listeners) listener.onModelsChange();
    this.#parts.log.info("models requested", { models: this.names });
    return missing;
  }

  /** The configured models that ought to be loaded. */
  #wanted(): readonly ModelConfig[] {
    const requested = this.#requested;
    return requested === undefined ? this.#repository : this.#repository.filter(({ name }) => requested.has(name));
  }

  /** Puts the names of all models in place of `*`, which stands for those of the first configuration. */
  #takeNames(): void {
    if (this.#requested?.delete("*") === true) { for (const name of this.repositoryNames) this.#requested.add(name); }
    const unknown = [...this.#requested ?? []].find((name) => !this.repositoryNames.includes(name));
    // A model that a later configuration leaves out is no longer requested.
    if (unknown !== undefined) this.#requested?.delete(unknown);
  }

  /** Logs that a configuration was refused. What was served before goes on. */
  logRefusal(origin: string, error: unknown): void {
    this.#parts.log.error("configuration refused", { origin, error: detailOf(error) });
  }

  /** Stops looking for versions. Those that are loaded stay. */
  async stopWatching(): Promise<void> {
    await this.#catalog[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager[Symbol.asyncDispose]();
  }

  /** Loads a version, then publishes it to the other threads. */
  async #load(model: ModelConfig, version: SourceVersion): Promise<ModelServable> {
    const { engine, threads, batching, quarantine, log } = this.#parts;
    const { servable, report, files } = await loadVersion(model, version, {
      config: this.#config,
      engine,
      otherThreads: threads.count,
      batching,
      quarantine,
      onVariant: ({ error, ...fields }) => {
        const subject = { name: model.name, version: version.version, ...fields };
        if (error === undefined) log.info("model compiled for other shapes", subject);
        else log.warning("shapes refused", { ...subject, error });
      },
    });
    const { notes, ...measured } = report;
    const subject = { name: model.name, path: files.path };
    for (const note of notes) log.warning("model noted", { ...subject, note });
    log.info("model measured", { ...subject, ...measured });
    try {
      await threads.publish({ name: model.name, version: version.version }, servable);
      return servable;
    } catch (error) {
      await servable[Symbol.asyncDispose]();
      throw error;
    }
  }
}

/** One sentence about a model that cannot be served, with what to do about it. */
export function missingSentence({ name, version, error }: MissingModel): string {
  return version === undefined
    ? `Cannot serve ${name}: ${error.detail}. Put the files of version 1 into the folder 1 there`
    : `Cannot load ${name} version ${version}: ${error.detail}`;
}

function logState(log: Log, { id, state, error }: ServableState): void {
  const fields = { name: id.name, version: id.version, state };
  if (error === undefined) log.info("version state changed", fields);
  else log.error("version failed", { ...fields, error: error.detail, cause: error.cause && String(error.cause) });
}
