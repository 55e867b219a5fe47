/**
 * Builds the program from its configuration, from the engine up, and takes it down in reverse. The only file that names a
 * concrete engine; the end-to-end tests start the same thing.
 *
 * @module
 */
import { type AvailableCores, availableCores } from "./base/available_cores.ts";
import { Log } from "./base/log.ts";
import { type Batching, readBatching } from "./config/batching_parameters.ts";
import { CertificateWatch } from "./config/certificate_watch.ts";
import type { Config, ModelConfig } from "./config/config.ts";
import { modelsOf, type ModelsRead } from "./config/model_server_config.ts";
import { readModels, readModelsFile } from "./config/models_file.ts";
import { ModelsFileWatch, type ReadModels } from "./config/models_file_watch.ts";
import { Manager, type ServableState } from "./core/manager.ts";
import { systemTimer } from "./core/timer.ts";
import type { Engine } from "./engine/engine.ts";
import { findRuntime, type Runtime } from "./engine/openvino_ffi/discovery.ts";
import { unpackEmbeddedRuntime } from "./engine/openvino_ffi/embedded.ts";
import { FfiEngine } from "./engine/openvino_ffi/engine.ts";
import { type Addresses, FrontEnds } from "./front_ends.ts";
import { grpcMethods } from "./grpc/handlers.ts";
import type { VersionFiles } from "./model/file_system_source.ts";
import { type MissingModel, ModelCatalog } from "./model/model_catalog.ts";
import type { ModelServable } from "./model/model_servable.ts";
import { Quarantine } from "./model/quarantine.ts";
import { Observation } from "./observation.ts";
import { ModelService } from "./service/model_service.ts";
import { PredictionService } from "./service/prediction_service.ts";
import { loadVersion } from "./version_loader.ts";

/** A running server. Disposing it lets running requests finish, frees the models and closes the engine. */
export class App implements AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  readonly #log: Log;
  readonly #watch: ModelsFileWatch | undefined;
  readonly addresses: Addresses;

  private constructor(
    resources: AsyncDisposableStack,
    parts: { log: Log; watch: ModelsFileWatch | undefined; addresses: Addresses },
  ) {
    this.#resources = resources;
    this.#log = parts.log;
    this.#watch = parts.watch;
    this.addresses = parts.addresses;
  }

  /**
   * Starts a server. When it resolves the models there are have been loaded and requests are answered.
   *
   * @param options.engine in place of OpenVINO; it stays the caller's.
   * @throws {Error} with the sentence to show when serving cannot begin: a file that cannot be used, a port in use, no runtime,
   * no model that loads.
   */
  static async start(config: Config, options: { engine?: Engine } = {}): Promise<App> {
    await using resources = new AsyncDisposableStack();
    const log = new Log(config.log);
    resources.defer(() => log.flush());
    for (const note of config.notes) log.warning("argument ignored", { note });
    const file = config.models.kind === "file" ? config.models.file : undefined;
    const text = file === undefined ? "" : await readModelsFile(file);
    const first = readAtStart(config, text);
    const batching = config.batching && await readBatching(config.batching);

    const engine = options.engine ?? resources.use(openLoggedEngine(config, log));
    let observation: Observation | undefined;
    const manager = resources.use(newManager(config, (state) => {
      logState(log, state);
      observation?.onStateChange(state);
    }));
    const quarantine = config.quarantineDir === undefined
      ? undefined
      : resources.use(new Quarantine(config.quarantineDir));
    const catalog = newCatalog(config, { engine, manager, batching, quarantine, log });
    const { readiness } = observation = resources.use(
      await Observation.begin(config.observation, { manager, modelNames: () => catalog.names, log }),
    );
    const reload = async (origin: string, read: ReadModels) => {
      const missing = await applyModels(catalog, { origin, read, log });
      observation?.readiness.changed();
      log.info("configuration reloaded", { origin, models: catalog.names });
      return missing;
    };

    const services = {
      prediction: new PredictionService(manager),
      model: new ModelService(manager, async (entries) => {
        const origin = "HandleReloadConfigRequest";
        try {
          return await reload(origin, (before) => modelsOf(entries, { load: config.load, before }));
        } catch (error) {
          logRefusal(log, origin, error);
          throw error;
        }
      }),
    };
    let watch: ModelsFileWatch | undefined = undefined;
    const frontEnds = resources.use(
      await FrontEnds.open(config, {
        methods: grpcMethods(services, { asTensorContent: config.grpc.encodesAsTensorContent }),
        services,
        modelNames: () => catalog.names,
        reloadConfig: () => watch === undefined ? Promise.resolve(false) : watch.reloadIfChanged(),
        observation,
        log,
      }),
    );

    resources.use(catalog);
    const missing = await applyModels(catalog, { origin: file?.path ?? "arguments", read: () => first, log });
    checkAnyAvailable(manager, { config, missing, log });
    watch = file && resources.use(
      new ModelsFileWatch(file, {
        text,
        apply: (read) => reload(file.path, read),
        onRefused: (error) => logRefusal(log, file.path, error),
        timer: systemTimer,
      }),
    );
    frontEnds.accept();
    resources.use(watchCertificate(config, { frontEnds, log }));
    readiness.start();
    log.info("server started", { ...frontEnds.addresses, models: manager.names() });
    resources.defer(async () => {
      log.info("server leaving");
      readiness.leave();
      await new Promise((resolve) => setTimeout(resolve, config.shutdownDelayMs));
    });
    return new App(resources.move(), { log, watch, addresses: frontEnds.addresses });
  }

  /** Reads the file that lists the models again and applies it, changed or not. What goes wrong is logged. */
  async reload(): Promise<void> {
    if (this.#watch === undefined) this.#log.warning("nothing to reload", { reason: "no file lists the models" });
    else await this.#watch.reload();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

/** Has the front ends show what the files of their certificate hold, now and later. */
function watchCertificate(
  { grpc, pollIntervalMs }: Config,
  { frontEnds, log }: { frontEnds: FrontEnds; log: Log },
): CertificateWatch | undefined {
  const { certificate } = frontEnds;
  if (grpc.certificate === undefined || certificate === undefined || pollIntervalMs === 0) return undefined;
  return new CertificateWatch(grpc.certificate, {
    certificate,
    intervalMs: pollIntervalMs,
    renew: (renewed) => frontEnds.renewCertificate(renewed),
    onRenewed: () => log.info("certificate renewed"),
    onRefused: (reason) => log.error("certificate refused", { reason }),
    timer: systemTimer,
  });
}

/** Where OpenVINO's libraries are taken from, as far as the user says it. */
export type RuntimeFolders = Pick<Config, "openvinoDir" | "runtimeDir">;

/** What a runtime says of itself. */
export interface RuntimeReport {
  readonly description: string;
  readonly path: string;
  readonly devices: readonly string[];
}

/**
 * Opens the runtime that a server would use, to see what it is.
 *
 * @throws {ServingError} FAILED_PRECONDITION when there is none.
 */
export function describeRuntime(folders: RuntimeFolders): RuntimeReport {
  const { path } = locateRuntime(folders);
  using engine = new FfiEngine(path);
  return { description: engine.description, path, devices: engine.devices };
}

function locateRuntime({ openvinoDir, runtimeDir }: RuntimeFolders): Runtime {
  return findRuntime({ directory: openvinoDir, embeddedDir: () => unpackEmbeddedRuntime(runtimeDir) });
}

/** An engine that is open, and what it has to do with. */
export interface OpenedEngine {
  /** Owned by the caller. */
  readonly engine: Engine;
  readonly runtime: Runtime;
  readonly cores: AvailableCores;
}

/**
 * Opens the runtime for the processors that may really be used.
 *
 * @throws {ServingError} FAILED_PRECONDITION when there is none.
 */
export function openEngine(folders: RuntimeFolders): OpenedEngine {
  const runtime = locateRuntime(folders);
  const cores = availableCores();
  // OpenVINO heeds affinity by itself, and knows nothing of quotas.
  const cpuThreadsMax = cores.limit === "quota" ? cores.count : undefined;
  return { engine: new FfiEngine(runtime.path, { cpuThreadsMax }), runtime, cores };
}

function openLoggedEngine(config: Config, log: Log): Engine {
  const { engine, runtime: { path, origin }, cores } = openEngine(config);
  log.info("engine opened", {
    engine: engine.description,
    path,
    origin,
    cores: cores.count,
    coresLimit: cores.limit,
  });
  return engine;
}

function readAtStart({ models }: Config, text: string): ModelsRead {
  return models.kind === "file"
    ? readModels(text, { file: models.file, before: [] })
    : { models: models.models, notes: [] };
}

function newManager(
  { loading, shutdownGraceMs, allowLabelsForUnavailable }: Config,
  onStateChange: (state: ServableState) => void,
): Manager<ModelServable> {
  return new Manager<ModelServable>({
    loadsMax: loading.loadsMax,
    loadRetriesMax: loading.retriesMax,
    loadRetryIntervalMs: loading.retryIntervalMs,
    disposeWaitMs: shutdownGraceMs,
    allowLabelsForUnavailable,
    onStateChange,
  });
}

function newCatalog(
  config: Config,
  { engine, manager, batching, quarantine, log }: {
    engine: Engine;
    manager: Manager<ModelServable>;
    batching: Batching | undefined;
    quarantine: Quarantine | undefined;
    log: Log;
  },
): ModelCatalog<ModelServable> {
  return new ModelCatalog({
    manager,
    pollIntervalMs: config.pollIntervalMs,
    allowLabelsForUnavailable: config.allowLabelsForUnavailable,
    onEvent: ({ kind, ...fields }) => log.warning(kind, { ...fields }),
    load: async (model: ModelConfig, version: VersionFiles) => {
      const { servable, report, files } = await loadVersion(model, version, { config, engine, batching, quarantine });
      const { notes, ...measured } = report;
      const subject = { name: model.name, path: files.path };
      for (const note of notes) log.warning("model noted", { ...subject, note });
      log.info("model measured", { ...subject, ...measured });
      return servable;
    },
  });
}

/** Replaces the set of models by what was read, and logs what came of it. */
async function applyModels(
  catalog: ModelCatalog<ModelServable>,
  { origin, read, log }: { origin: string; read: ReadModels; log: Log },
): Promise<readonly MissingModel[]> {
  let notes: readonly string[] = [];
  const missing = await catalog.replace((before) => {
    const { models, notes: told } = read(before);
    notes = told;
    return models;
  });
  for (const note of notes) log.warning("configuration ignored", { origin, note });
  for (const { name, version, error } of missing) {
    log.warning("model not served", { name, version, reason: error.message });
  }
  return missing;
}

/** What was served before goes on. */
function logRefusal(log: Log, origin: string, error: unknown): void {
  log.error("configuration refused", { origin, error: error instanceof Error ? error.message : String(error) });
}

/**
 * A server with nothing to serve has been told something wrong: it says so at the start, rather than to each client. Unless it
 * is to wait, as TensorFlow Serving does.
 */
function checkAnyAvailable(
  manager: Manager<ModelServable>,
  { config, missing, log }: { config: Config; missing: readonly MissingModel[]; log: Log },
): void {
  if (manager.names().some((name) => manager.states(name).some(({ state }) => state === "available"))) return;
  const [first] = missing;
  const reason = first === undefined ? "No model is listed" : sentenceOn(first);
  if (!config.waitsForModels) throw new Error(reason);
  log.warning("no model to serve yet", { reason });
}

function sentenceOn({ name, version, error }: MissingModel): string {
  return version === undefined
    ? `Cannot serve ${name}: ${error.message}. Put the files of version 1 into the folder 1 there`
    : `Cannot load ${name} version ${version}: ${error.message}`;
}

function logState(log: Log, { id, state, error }: ServableState): void {
  const fields = { name: id.name, version: id.version, state };
  if (error === undefined) log.info("version changed state", fields);
  else log.error("version failed", { ...fields, error: error.message, cause: error.cause && String(error.cause) });
}
