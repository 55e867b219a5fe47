/**
 * Builds the program from its configuration, from the engine up, and takes it down in reverse. Besides
 * `serving_thread_worker.ts` the only file that names a concrete engine; the end-to-end tests start the same thing.
 *
 * @module
 */
import { type AvailableCores, availableCores } from "../system/available_cores.ts";
import { Log } from "../base/log.ts";
import { assert } from "../base/status.ts";
import { readBatching } from "../config/batching_parameters.ts";
import { CertificateWatch } from "../config/certificate_watch.ts";
import { type Config, shareOfThread } from "../config/config.ts";
import { modelsOf, type ModelsRead } from "../config/model_server_config.ts";
import { readModels, readModelsFile } from "../config/models_file.ts";
import { ModelsFileWatch, type ReadModels } from "../config/models_file_watch.ts";
import { systemTimer } from "../core/timer.ts";
import type { Engine } from "../engine/engine.ts";
import { findRuntime, type Runtime } from "../engine/openvino_ffi/runtime/discovery.ts";
import { unpackEmbeddedRuntime } from "../engine/openvino_ffi/runtime/embedded.ts";
import { FfiEngine } from "../engine/openvino_ffi/engine.ts";
import { type Addresses, FrontEnds } from "./front_ends.ts";
import { gatedMethods, grpcMethods } from "../apis/tensorflow_serving/methods.ts";
import { Quarantine } from "../model/gates/quarantine.ts";
import { Observation } from "./observation.ts";
import { applyModels, checkAnyAvailable, logRefusal, logState, newCatalog, newManager } from "./served_models.ts";
import { ModelService } from "../service/model_service.ts";
import { PredictionService } from "../service/prediction_service.ts";
import type { Readiness } from "../service/readiness.ts";
import { StartGate } from "../service/start_gate.ts";
import type { MainTask } from "../threads/messages.ts";
import { ServingThreads } from "../threads/serving_threads.ts";

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
   * @param options.threadProgram in place of the module that serving threads run.
   * @param options.leaving aborted when the server shall go, started or not: until it has started this rejects with the reason.
   * @throws {Error} with the sentence to show when serving cannot begin: a file that cannot be used, a port in use, no runtime,
   * no model that loads.
   */
  static async start(
    config: Config,
    options: { threadProgram?: URL; leaving?: AbortSignal } = {},
  ): Promise<App> {
    await using resources = new AsyncDisposableStack();
    const log = new Log(config.log);
    resources.defer(() => log.flush());
    for (const note of config.notes) log.warning("argument ignored", { note });
    const file = config.models.kind === "file" ? config.models.file : undefined;
    const text = file === undefined ? "" : await readModelsFile(file);
    const first = readAtStart(config, text);
    const batching = config.batching && await readBatching(config.batching);

    const { engine, runtime } = openLoggedEngine(config, log);
    resources.use(engine);
    let observation: Observation | undefined;
    let modelService: ModelService | undefined = undefined;
    const threads = resources.use(
      await startThreads(config, {
        libraryPath: runtime.path,
        program: options.threadProgram,
        perform: (task) => {
          assert(modelService !== undefined, "A serving thread has a client before there is anything to ask");
          return task.kind === "reload config"
            ? modelService.reloadConfig(task.request)
            : modelService.getModelStatus(task.request);
        },
        log,
      }),
    );
    const manager = resources.use(newManager(config, {
      onStateChange: (state) => {
        logState(log, state);
        observation?.onStateChange(state);
      },
      onLabelsChange: (name, labels) => threads.label(name, labels),
    }));
    const quarantine = config.quarantineDir === undefined
      ? undefined
      : resources.use(new Quarantine(config.quarantineDir));
    const catalog = newCatalog(config, { engine, threads, manager, batching, quarantine, log });
    const { readiness } = observation = resources.use(
      await Observation.begin(config.observation, { manager, modelNames: () => catalog.names, threads, log }),
    );
    readiness.watch(() => threads.showHealth(healthOf(readiness)));
    const reload = async (origin: string, read: ReadModels) => {
      const missing = await applyModels(catalog, { origin, read, log });
      await threads.told();
      observation?.readiness.changed();
      log.info("configuration reloaded", { origin, models: catalog.names });
      return missing;
    };

    modelService = new ModelService(manager, async (entries) => {
      const origin = "HandleReloadConfigRequest";
      try {
        return await reload(origin, (before) => modelsOf(entries, { load: config.load, before }));
      } catch (error) {
        logRefusal(log, origin, error);
        throw error;
      }
    });
    const gate = new StartGate({
      waitersMax: shareOfThread(config.waitersMax, config.grpc),
      bytesMax: shareOfThread(config.grpc.inflightBytesMax, config.grpc),
    });
    const services = { gate, prediction: new PredictionService(manager), model: modelService };
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
        threads,
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
    threads.openGate();
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

function openLoggedEngine(config: Config, log: Log): OpenedEngine {
  const opened = openEngine(config);
  const { engine, runtime: { path, origin }, cores } = opened;
  log.info("engine opened", {
    engine: engine.description,
    path,
    origin,
    cores: cores.count,
    coresLimit: cores.limit,
  });
  return opened;
}

/** Starts the threads there are to be besides this one. */
async function startThreads(
  { grpc, log: { level, format }, observation, shutdownGraceMs, waitersMax }: Config,
  parts: {
    libraryPath: string;
    program: URL | undefined;
    perform: (task: MainTask) => unknown;
    log: Log;
  },
): Promise<ServingThreads> {
  const { libraryPath, program, perform } = parts;
  return await ServingThreads.start(grpc.threads - 1, {
    settings: {
      grpc,
      log: { level, format },
      logsRequests: observation.logsRequests,
      waitersMax: shareOfThread(waitersMax, grpc),
      libraryPath,
    },
    perform,
    log: parts.log,
    graceMs: shutdownGraceMs,
    ...(program && { program }),
  });
}

function healthOf(readiness: Readiness): ReadonlyMap<string, boolean> {
  return new Map(readiness.services().map((name) => [name, readiness.isServing(name) === true]));
}

function readAtStart({ models }: Config, text: string): ModelsRead {
  return models.kind === "file"
    ? readModels(text, { file: models.file, before: [] })
    : { models: models.models, notes: [] };
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
