/**
 * The set of models that should be served: replaces it as a whole while it serves, one replacement after the other. The source finds
 * versions, the manager loads them.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import type { Loader, Manager } from "../core/manager.ts";
import { labelError } from "../core/version_labels.ts";
import type { LoadConfig, ModelConfig } from "./model_config.ts";
import type { ModelSource, SourceEvent, SourceListener, SourceVersion } from "./source/source.ts";

/** How many replacements may wait: any client can request one. */
const REPLACEMENTS_MAX = 64;

/** The parts of a catalog. The callbacks must not throw, except `load`. */
export interface ModelCatalogOptions<T extends Disposable | AsyncDisposable> {
  readonly manager: Manager<T>;
  /** Makes the servable of a version, which then belongs to the manager. */
  readonly load: (model: ModelConfig, version: SourceVersion) => Promise<T>;
  /** Opens the source of the versions, which then belongs to the catalog. */
  readonly openSource: (listener: SourceListener) => ModelSource;
  readonly onEvent: (event: SourceEvent) => void;
}

/** A model that was added and that no version serves. */
export interface MissingModel {
  readonly name: string;
  /** The version that failed; undefined if none was found. */
  readonly version: number | undefined;
  readonly error: ServingError;
}

/** The set of models. Disposing it closes the source; nothing is unloaded by that. */
export class ModelCatalog<T extends Disposable | AsyncDisposable> implements AsyncDisposable {
  readonly #options: ModelCatalogOptions<T>;
  readonly #source: ModelSource;
  #models: ReadonlyMap<string, ModelConfig> = new Map();
  /** The versions that the source last reported for each model. */
  readonly #found = new Map<string, ReadonlyMap<number, SourceVersion>>();
  /** The events that explain why models have no versions. */
  readonly #problems = new Map<string, SourceEvent>();
  #lastTurn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: ModelCatalogOptions<T>) {
    this.#options = options;
    this.#source = options.openSource({
      onAspired: (name, versions) => this.#onAspired(name, versions),
      onEvent: (event) => {
        if (event.publicReason !== undefined) this.#problems.set(event.name, event);
        options.onEvent(event);
      },
    });
  }

  /**
   * Replaces the set of models, in turn. Models that are left out are unloaded, new and changed ones are loaded beside those that serve
   * until then, and the others continue undisturbed. Version labels are assigned last.
   *
   * @param choose gets the present models and returns the new ones, with unique names; if it throws, nothing changes.
   * @returns when all loads are done: the new models that cannot be served. They stay in the set, and loading is retried.
   * @throws {ServingError} FAILED_PRECONDITION for a label whose version is not available. If the version cannot become available
   * either, it is thrown before anything changes; otherwise all labels stay as they were.
   * @throws {ServingError} UNAVAILABLE when too many replacements wait.
   */
  replace(choose: (before: readonly ModelConfig[]) => readonly ModelConfig[]): Promise<readonly MissingModel[]> {
    if (this.#waiting >= REPLACEMENTS_MAX) {
      return Promise.reject(
        new ServingError(CODE.UNAVAILABLE, `${REPLACEMENTS_MAX} changes of the configuration wait already`),
      );
    }
    this.#waiting++;
    const turn = this.#lastTurn.then(() => this.#replace(choose([...this.#models.values()])))
      .finally(() => this.#waiting--);
    this.#lastTurn = turn.catch(() => {});
    return turn;
  }

  /** The names of the models in the set, served or not. */
  get names(): readonly string[] {
    return [...this.#models.keys()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]();
  }

  async #replace(models: readonly ModelConfig[]): Promise<readonly MissingModel[]> {
    const { manager } = this.#options;
    await this.#checkLabels(models);
    const before = this.#models;
    this.#models = new Map(models.map((model) => [model.name, model]));
    const looked = this.#source.setModels(models);
    for (const model of models) {
      const old = before.get(model.name);
      // The source reports the versions of a new model, or of one with another place.
      if (old === undefined || placeOf(old) !== placeOf(model) || loadingOf(old) === loadingOf(model)) continue;
      this.#aspire(model, this.#found.get(model.name) ?? new Map());
    }
    await looked;
    await manager.loaded();
    manager.labels.replace(new Map(models.map(({ name, versionLabels }) => [name, versionLabels])));
    return models.filter(({ name }) => !before.has(name)).flatMap(({ name }) => this.#missing(name) ?? []);
  }

  #onAspired(name: string, versions: ReadonlyMap<number, SourceVersion>): void {
    const model = this.#models.get(name);
    if (versions.size > 0) this.#problems.delete(name);
    if (model !== undefined) return this.#aspire(model, versions);
    this.#found.delete(name);
    this.#problems.delete(name);
    this.#options.manager.aspire(name, new Map());
  }

  #aspire(model: ModelConfig, versions: ReadonlyMap<number, SourceVersion>): void {
    this.#found.set(model.name, versions);
    const loading = loadingOf(model);
    const loaderOf = (version: SourceVersion): Loader<T> => ({
      fingerprint: version.fingerprint,
      revision: `${version.origin} ${loading}`,
      origin: version.origin,
      load: () => this.#options.load(model, version),
    });
    this.#options.manager.aspire(
      model.name,
      new Map([...versions].map(([number, version]) => [number, loaderOf(version)])),
    );
  }

  /** Refuses labels that could not be assigned once everything is loaded. */
  async #checkLabels(models: readonly ModelConfig[]): Promise<void> {
    const { labels } = this.#options.manager;
    for (const model of models) {
      for (const [label, version] of model.versionLabels) {
        if (labels.isAssignable(model.name, label, version)) continue;
        if (!(await this.#source.wantedVersions(model)).includes(version)) throw labelError(model.name, version);
      }
    }
  }

  #missing(name: string): MissingModel | undefined {
    const states = this.#options.manager.states(name);
    if (states.some(({ state }) => state === "available")) return undefined;
    const failed = states.find(({ error }) => error !== undefined);
    if (failed?.error !== undefined) return { name, version: failed.id.version, error: failed.error };
    const { reason, publicReason } = this.#problems.get(name) ?? {};
    const sentence = publicReason ?? `Model ${name} has no version to serve`;
    const error = new ServingError(CODE.NOT_FOUND, sentence, { detail: reason ?? sentence });
    return { name, version: undefined, error };
  }
}

/** A key of the options that decide which versions the source finds. */
function placeOf({ basePath, versionPolicy }: ModelConfig): string {
  return JSON.stringify([basePath, versionPolicy]);
}

/** A key of the options that a version is loaded with. */
function loadingOf(config: LoadConfig): string {
  const { device, pluginConfig, inferRequestCount, shape, batchSize, inferencePrecision, savedModelTags } = config;
  const parts = [device, pluginConfig, inferRequestCount, shape, batchSize, inferencePrecision, savedModelTags];
  return JSON.stringify(parts, (_, value) => value instanceof Map ? [...value].sort() : value);
}
