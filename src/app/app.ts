/**
 * The server, put together from its configuration: what it is made of, in the order in which it starts, and in reverse in which it
 * stops.
 *
 * @module
 */
import type { Api } from "../apis/api.ts";
import { Log } from "../base/log.ts";
import { detailOf } from "../base/status.ts";
import { readBatching } from "../config/batching_parameters.ts";
import { watchCertificate } from "../config/certificate_watch.ts";
import type { Config } from "../config/config.ts";
import { modelsOf, type ModelsRead } from "../config/model_server_config.ts";
import { readModels, readModelsFile } from "../config/models_file.ts";
import { ModelsFileWatch } from "../config/models_file_watch.ts";
import { systemTimer } from "../base/timer.ts";
import type { Engine, EngineSpec } from "../engine/engine.ts";
import { Quarantine } from "../model/gates/quarantine.ts";
import type { StatisticsSource } from "../service/inference_statistics.ts";
import { ModelService } from "../service/model_service.ts";
import { PredictionService } from "../service/prediction_service.ts";
import type { Readiness } from "../service/readiness.ts";
import { availableCores } from "../system/available_cores.ts";
import type { MainTask } from "../threads/messages.ts";
import { ServingThreads } from "../threads/serving_threads.ts";
import { configuredApis } from "./apis.ts";
import { checkThreads, DEFAULT_ENGINE, findEngine, openEngine } from "./engines.ts";
import { type Addresses, FrontEnds } from "./front_ends.ts";
import { newStartGate } from "./grpc_server.ts";
import { Observation } from "./observation.ts";
import { missingSentence, ServedModels } from "./served_models.ts";
import { SERVER } from "./version.ts";

/** The origin of a configuration that came by gRPC, for the log. */
const RELOAD_REQUEST = "HandleReloadConfigRequest";

/** A running server. Disposing it lets running requests finish, frees the models and closes the engine. */
export class App implements AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  readonly #log: Log;
  readonly #modelsFile: ModelsFileWatch | undefined;
  readonly addresses: Addresses;

  private constructor(
    resources: AsyncDisposableStack,
    parts: { log: Log; modelsFile: ModelsFileWatch | undefined; addresses: Addresses },
  ) {
    this.#resources = resources;
    this.#log = parts.log;
    this.#modelsFile = parts.modelsFile;
    this.addresses = parts.addresses;
  }

  /**
   * Starts a server. Clients are served before the first models are loaded; requests that need one wait. Resolves when those loads
   * are done.
   *
   * Each step adds to `resources` what undoes it, so a server stops, started or not, in the reverse order.
   *
   * @param options.apis in place of those of the configuration; serving threads keep to the configuration.
   * @param options.threadProgram in place of the module that serving threads run.
   * @param options.leaving aborted to stop the server; before it has started, this rejects with the reason.
   * @throws {Error} with the sentence to show if the server cannot start: an unusable file, a port in use, no runtime, no model
   * that loads.
   */
  static async start(
    config: Config,
    { apis = configuredApis(config), threadProgram, leaving }: {
      apis?: readonly Api[];
      threadProgram?: URL;
      leaving?: AbortSignal;
    } = {},
  ): Promise<App> {
    await using resources = new AsyncDisposableStack();
    const log = new Log(config.log);
    resources.defer(() => log.flush());
    for (const note of config.notes) log.warning("argument ignored", { note });

    // Files are read first: a mistake in one is reported before anything is opened.
    const file = config.models.kind === "file" ? config.models.file : undefined;
    const fileText = file === undefined ? "" : await readModelsFile(file);
    const firstModels = readFirstModels(config, fileText);
    const batching = config.batching && await readBatching(config.batching);

    const engineSpec = findEngine(DEFAULT_ENGINE, config);
    const engine = resources.use(openEngine(engineSpec));
    logEngine(log, engine, engineSpec);
    checkThreads(engine, config.grpc.threads);
    const threads = resources.use(newThreads(config, { engine: engineSpec, threadProgram, log }));
    const { quarantineDir } = config;
    const quarantine = quarantineDir === undefined ? undefined : resources.use(new Quarantine(quarantineDir));
    const models = resources.use(new ServedModels(config, { engine, threads, batching, quarantine, log }));
    const observation = resources.use(await Observation.open(config, { apis, models, threads, log }));
    const { readiness } = observation;
    models.watch(observation);
    readiness.watch(() => threads.showHealth(healthOf(readiness)));

    const modelsFile = file && resources.use(
      new ModelsFileWatch(file, {
        apply: (read) => models.reload(file.path, read),
        onRefused: (error) => models.logRefusal(file.path, error),
        timer: systemTimer,
      }),
    );
    const gate = newStartGate(config);
    const services = {
      prediction: new PredictionService(models.manager, config),
      model: newModelService(config, { models, modelsFile }),
      readiness,
      statistics: observation,
      server: SERVER,
    };
    await threads.start((task) => performTask(services, task));
    const frontEnds = resources.use(await FrontEnds.open(config, { apis, services, gate, observation, threads }));
    log.info("server listening", { ...frontEnds.addresses, apis: apis.map(({ name }) => name) });

    resources.defer(() => models.stopWatching());
    resources.defer(() => gate[Symbol.dispose]());
    resources.defer(() => readiness.leave());
    await loadFirstModels(models, { config, origin: file?.path ?? "arguments", read: () => firstModels, log, leaving });
    modelsFile?.start(fileText);
    gate.open();
    threads.openGate();
    resources.use(renewCertificates(config, { frontEnds, log }));
    readiness.start();
    log.info("server started", { ...frontEnds.addresses, models: models.manager.names() });

    resources.defer(async () => {
      log.info("server leaving");
      readiness.leave();
      frontEnds.leave();
      await new Promise((resolve) => setTimeout(resolve, config.shutdownDelayMs));
    });
    return new App(resources.move(), { log, modelsFile, addresses: frontEnds.addresses });
  }

  /** Rereads the file that lists the models and applies it, changed or not. Failures are logged. */
  async reload(): Promise<void> {
    if (this.#modelsFile === undefined) this.#log.warning("reload ignored", { reason: "no file lists the models" });
    else await this.#modelsFile.reload();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

function readFirstModels({ models }: Config, fileText: string): ModelsRead {
  return models.kind === "file"
    ? readModels(fileText, { file: models.file, before: [] })
    : { models: models.models, notes: [] };
}

function logEngine(log: Log, { description, extensions: all }: Engine, { path, origin }: EngineSpec): void {
  const cores = availableCores();
  const extensions = all.filter(({ error }) => error === undefined).map(({ path }) => path);
  log.info("engine opened", {
    engine: description,
    path,
    origin,
    extensions,
    cores: cores.count,
    coresLimit: cores.limit,
  });
  for (const { path, error } of all) {
    if (error !== undefined) log.warning("extension not loaded", { path, reason: error });
  }
  if (all.some(({ path }) => path.includes("openvino_tokenizers"))) return;
  log.warning("extension missing", {
    extension: "openvino-tokenizers",
    reason: "it is not beside OpenVINO, so models with operations on strings cannot be loaded",
  });
}

/** Makes the threads besides this one; none is running yet. */
function newThreads(
  config: Config,
  { engine, threadProgram, log }: { engine: EngineSpec; threadProgram: URL | undefined; log: Log },
): ServingThreads {
  const { grpc, waitersMax, versionZeroMeansLatest, convertsInputs, shutdownGraceMs } = config;
  const { log: { level, format }, observation: { logsRequests } } = config;
  return new ServingThreads(grpc.threads - 1, {
    settings: {
      ...{ grpc, waitersMax, versionZeroMeansLatest, convertsInputs },
      ...{ log: { level, format }, logsRequests, engine },
    },
    program: threadProgram ?? new URL("./serving_thread_worker.ts", import.meta.url),
    log,
    graceMs: shutdownGraceMs,
    timer: systemTimer,
  });
}

function newModelService(
  { load, versionZeroMeansLatest }: Config,
  { models, modelsFile }: { models: ServedModels; modelsFile: ModelsFileWatch | undefined },
): ModelService {
  return new ModelService(models.manager, {
    names: () => models.repositoryNames,
    replace: async (entries) => {
      try {
        return await models.reload(RELOAD_REQUEST, (before) => modelsOf(entries, { load, before }));
      } catch (error) {
        models.logRefusal(RELOAD_REQUEST, error);
        throw error;
      }
    },
    load: (name) => models.loadByRequest(name),
    unload: (name) => models.unloadByRequest(name),
    refresh: async () => await modelsFile?.reloadIfChanged() ?? false,
  }, { versionZeroMeansLatest });
}

/** The services that serving threads leave to the main one. */
interface MainServices {
  readonly model: ModelService;
  readonly statistics: StatisticsSource;
}

/** Does for a serving thread what only the main thread can do. */
function performTask({ model, statistics }: MainServices, task: MainTask): unknown {
  switch (task.kind) {
    case "get model status":
      return model.getModelStatus(task.request);
    case "index models":
      return model.index();
    case "load model":
      return model.load(task.name, task.parameters);
    case "unload model":
      return model.unload(task.name);
    case "report statistics":
      return statistics.statistics();
    case "reload config":
      return model.reloadConfig(task.request);
  }
}

/** Whether each service and model serves requests, for the health service of other threads. */
function healthOf(readiness: Readiness): ReadonlyMap<string, boolean> {
  return new Map(readiness.services().map((name) => [name, readiness.isServing(name) === true]));
}

/**
 * Loads the first models, unless the server is to leave meanwhile. A server with nothing to serve is misconfigured: it does not start
 * then, unless it is to wait for models as TensorFlow Serving does.
 *
 * @throws the reason of `leaving`, why the models cannot be used, and {Error} with the sentence to show if none can be served.
 */
async function loadFirstModels(
  models: ServedModels,
  { config, origin, read, log, leaving }: {
    config: Config;
    origin: string;
    read: () => ModelsRead;
    log: Log;
    leaving: AbortSignal | undefined;
  },
): Promise<void> {
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const leave = () => {
    log.info("server leaving", { reason: "it was stopped before it had started" });
    reject(leaving?.reason);
  };
  if (leaving?.aborted) leave();
  leaving?.addEventListener("abort", leave, { once: true });
  try {
    const [missing] = await Promise.race([interrupted, models.replace(origin, read, leaving)]);
    if (models.hasAvailable) return;
    // Models may come by request.
    if (missing === undefined && config.explicitModels !== undefined) return;
    const reason = missing === undefined ? "No model is listed" : missingSentence(missing);
    if (!config.waitsForModels) throw new Error(reason);
    log.warning("model awaited", { reason });
  } finally {
    leaving?.removeEventListener("abort", leave);
  }
}

/** Renews the certificate of the front ends whenever its files change. */
function renewCertificates(
  { grpc, pollIntervalMs }: Config,
  { frontEnds, log }: { frontEnds: FrontEnds; log: Log },
): Disposable | undefined {
  const { certificate } = frontEnds;
  if (grpc.certificate === undefined || certificate === undefined) return undefined;
  return watchCertificate(grpc.certificate, {
    certificate,
    intervalMs: pollIntervalMs,
    renew: async (renewed) => {
      await frontEnds.renewCertificate(renewed);
      log.info("certificate renewed");
    },
    onRefused: (error) => log.error("certificate refused", { reason: detailOf(error) }),
    timer: systemTimer,
  });
}
