/**
 * Builds the program from its configuration, from the engine up, and takes it down in reverse. The only file that names a
 * concrete engine; the end-to-end tests start the same thing.
 *
 * @module
 */
import { Log } from "./base/log.ts";
import { detailOf } from "./base/status.ts";
import { type Batching, batchingOptionsOf, readBatching } from "./config/batching_parameters.ts";
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
import { gatedMethods, grpcMethods } from "./grpc/handlers.ts";
import { decodePredictRequest } from "./grpc/predict_codec.ts";
import type { VersionFiles } from "./model/file_system_source.ts";
import { type MissingModel, ModelCatalog } from "./model/model_catalog.ts";
import { findModelFiles } from "./model/model_files.ts";
import { loadModel } from "./model/model_loader.ts";
import type { ModelServable } from "./model/model_servable.ts";
import { Quarantine } from "./model/quarantine.ts";
import type { WarmUpRequest } from "./model/warm_up.ts";
import { Observation } from "./observation.ts";
import { ModelService } from "./service/model_service.ts";
import { PredictionService } from "./service/prediction_service.ts";
import { StartGate } from "./service/start_gate.ts";

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
   * Starts a server. It is asked from early on, and what needs a model waits; when this resolves the models there are have been
   * loaded.
   *
   * @param options.engine in place of OpenVINO; it stays the caller's.
   * @param options.leaving aborted when the server shall go, started or not: until it has started this rejects with the reason.
   * @throws {Error} with the sentence to show when serving cannot begin: a file that cannot be used, a port in use, no runtime,
   * no model that loads.
   */
  static async start(config: Config, options: { engine?: Engine; leaving?: AbortSignal } = {}): Promise<App> {
    await using resources = new AsyncDisposableStack();
    const log = new Log(config.log);
    resources.defer(() => log.flush());
    for (const note of config.notes) log.warning("argument ignored", { note });
    const file = config.models.kind === "file" ? config.models.file : undefined;
    const text = file === undefined ? "" : await readModelsFile(file);
    const first = readAtStart(config, text);
    const batching = config.batching && await readBatching(config.batching);

    const engine = options.engine ?? resources.use(openEngine(config, log));
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

    const gate = new StartGate({ waitersMax: config.waitersMax, bytesMax: config.grpc.inflightBytesMax });
    const services = {
      gate,
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
        methods: gatedMethods(
          grpcMethods(services, { asTensorContent: config.grpc.encodesAsTensorContent }),
          gate,
        ),
        services,
        modelNames: () => catalog.names,
        reloadConfig: () => watch === undefined ? Promise.resolve(false) : watch.reloadIfChanged(),
        observation,
      }),
    );

    log.info("server listening", { ...frontEnds.addresses });
    resources.use(catalog);
    resources.defer(() => {
      readiness.leave();
      gate[Symbol.dispose]();
    });
    const { leaving } = options;
    const missing = await unlessLeaving(
      applyModels(catalog, { origin: file?.path ?? "arguments", read: () => first, log, leaving }),
      { leaving, log },
    );
    checkAnyAvailable(manager, { config, missing, log });
    watch = file && resources.use(
      new ModelsFileWatch(file, {
        text,
        apply: (read) => reload(file.path, read),
        onRefused: (error) => logRefusal(log, file.path, error),
        timer: systemTimer,
      }),
    );
    gate.open();
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

function openEngine(config: Config, log: Log): Engine {
  const { path, origin } = locateRuntime(config);
  const engine = new FfiEngine(path);
  log.info("engine opened", { engine: engine.description, path, origin });
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
    onEvent: ({ kind, publicReason: _, ...fields }) => log.warning(kind, { ...fields }),
    load: async (model: ModelConfig, version: VersionFiles) => {
      const { folder } = version;
      // The folder is searched when it is loaded, so that the version's state tells what is wrong with it.
      const files = await findModelFiles(folder);
      const options = {
        files,
        shape: model.shape,
        batchSize: model.batchSize,
        device: model.device,
        properties: model.pluginConfig,
        cacheDir: config.loading.cacheDir,
        inferRequestCount: model.inferRequestCount,
        waitersMax: config.waitersMax,
        checksIntegerRange: config.checksIntegerRange,
        batching: batching && await batchingOptionsOf(folder, batching),
        decodeWarmUp,
        warmUpIterations: config.loading.warmUpIterations,
      };
      const load = (engine: Engine): ReturnType<typeof loadModel> => loadModel(engine, options);
      const { servable, report } = quarantine === undefined
        ? await load(engine)
        : await quarantine.load({ ...version, name: model.name }, { engine, load });
      const { notes, ...measured } = report;
      const subject = { name: model.name, path: files.path };
      for (const note of notes) log.warning("model noted", { ...subject, note });
      log.info("model measured", { ...subject, ...measured });
      return servable;
    },
  });
}

function decodeWarmUp(message: Uint8Array): WarmUpRequest {
  const { modelSpec, inputs, outputFilter } = decodePredictRequest(message);
  return { signatureName: modelSpec?.signatureName ?? "", inputs, outputFilter };
}

/** Replaces the set of models by what was read, and logs what came of it. */
async function applyModels(
  catalog: ModelCatalog<ModelServable>,
  { origin, read, log, leaving }: { origin: string; read: ReadModels; log: Log; leaving?: AbortSignal | undefined },
): Promise<readonly MissingModel[]> {
  let notes: readonly string[] = [];
  const missing = await catalog.replace((before) => {
    const { models, notes: told } = read(before);
    notes = told;
    return models;
  });
  // Nobody has said that models which were not waited for cannot be served.
  if (leaving?.aborted) return missing;
  for (const note of notes) log.warning("configuration ignored", { origin, note });
  for (const { name, version, error } of missing) {
    log.warning("model not served", { name, version, reason: error.detail });
  }
  return missing;
}

/**
 * Waits for the first models, unless the server is told to go meanwhile.
 *
 * @throws the reason of `leaving`, and what `loading` is rejected with.
 */
async function unlessLeaving<T>(
  loading: Promise<T>,
  { leaving, log }: { leaving: AbortSignal | undefined; log: Log },
): Promise<T> {
  if (leaving === undefined) return await loading;
  const { promise: asked, reject } = Promise.withResolvers<never>();
  const leave = () => {
    log.info("server leaving", { reason: "it was told to before it had started" });
    reject(leaving.reason);
  };
  if (leaving.aborted) leave();
  leaving.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([asked, loading]);
  } finally {
    leaving.removeEventListener("abort", leave);
  }
}

/** What was served before goes on. */
function logRefusal(log: Log, origin: string, error: unknown): void {
  log.error("configuration refused", { origin, error: detailOf(error) });
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
    ? `Cannot serve ${name}: ${error.detail}. Put the files of version 1 into the folder 1 there`
    : `Cannot load ${name} version ${version}: ${error.detail}`;
}

function logState(log: Log, { id, state, error }: ServableState): void {
  const fields = { name: id.name, version: id.version, state };
  if (error === undefined) log.info("version changed state", fields);
  else log.error("version failed", { ...fields, error: error.detail, cause: error.cause && String(error.cause) });
}
