/**
 * Builds the program from its configuration, from the engine up, and takes it down in reverse. The only file that names a
 * concrete engine; the end-to-end tests start the same thing.
 *
 * @module
 */
import { Log } from "./base/log.ts";
import type { Config, ModelConfig } from "./config/config.ts";
import { type Loader, Manager, type ServableState } from "./core/manager.ts";
import type { Engine } from "./engine/engine.ts";
import { findRuntime } from "./engine/openvino_ffi/discovery.ts";
import { unpackEmbeddedRuntime } from "./engine/openvino_ffi/embedded.ts";
import { FfiEngine } from "./engine/openvino_ffi/engine.ts";
import { grpcMethods } from "./grpc/handlers.ts";
import { decodePredictRequest } from "./grpc/predict_codec.ts";
import { GrpcServer } from "./grpc/server.ts";
import { HTTP2_LIMITS } from "./http2/limits.ts";
import { FileSystemSource, type VersionFiles } from "./model/file_system_source.ts";
import { findModelFiles } from "./model/model_files.ts";
import { loadModel } from "./model/model_loader.ts";
import type { ModelServable } from "./model/model_servable.ts";
import type { WarmUpRequest } from "./model/warm_up.ts";
import { ModelService } from "./service/model_service.ts";
import { PredictionService } from "./service/prediction_service.ts";

/** A running server. Disposing it lets running requests finish, frees the models and closes the engine. */
export class App implements AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  /** Where gRPC listens. */
  readonly grpcAddress: string;

  private constructor(resources: AsyncDisposableStack, grpcAddress: string) {
    this.#resources = resources;
    this.grpcAddress = grpcAddress;
  }

  /**
   * Starts a server. When it resolves the models there are have been loaded and requests are answered.
   *
   * @param options.engine in place of OpenVINO; it stays the caller's.
   * @throws {Error} with the sentence to show when serving cannot begin: a port in use, no runtime, no model that loads.
   */
  static async start(config: Config, options: { engine?: Engine } = {}): Promise<App> {
    await using resources = new AsyncDisposableStack();
    const log = new Log(config.log);
    const engine = options.engine ?? resources.use(openEngine(config, log));
    const manager = resources.use(
      new Manager<ModelServable>({
        disposeWaitMs: config.shutdownGraceMs,
        onStateChange: (state) => logState(log, state),
      }),
    );

    const server = new GrpcServer(
      grpcMethods({ prediction: new PredictionService(manager), model: new ModelService(manager) }, {
        asTensorContent: false,
      }),
      {
        http2: HTTP2_LIMITS,
        connectionsMax: config.grpc.connectionsMax,
        inflightBytesMax: config.grpc.inflightBytesMax,
        messageBytesMax: config.grpc.messageBytesMax,
        onFault: (error, path) =>
          log.error("request failed", { path, error: error.message, cause: String(error.cause) }),
      },
    );
    resources.defer(() => server.shutdown(config.shutdownGraceMs));
    // The port is taken before models are loaded, so that one in use is found at once; connections wait until then.
    const address = bind(server, config);

    const problems = new Map<string, string>();
    const models = new Map(config.models.map((model) => [model.name, model]));
    const source = resources.use(
      new FileSystemSource({
        pollIntervalMs: config.pollIntervalMs,
        onAspired: (name, versions) => {
          const model = models.get(name);
          if (model === undefined) return manager.aspire(name, new Map());
          const loaderOf = (files: VersionFiles) => newLoader(files, { engine, model, config, log });
          manager.aspire(name, new Map([...versions].map(([version, files]) => [version, loaderOf(files)])));
        },
        onEvent: ({ kind, ...fields }) => {
          if (fields.reason !== undefined) problems.set(fields.name, fields.reason);
          log.warning(kind, { ...fields });
        },
      }),
    );
    await source.setModels(
      config.models.map(({ name, basePath, versionPolicy: policy }) => ({ name, basePath, policy })),
    );
    await manager.loaded();
    checkAnyAvailable(manager, problems);
    server.accept();
    log.info("server started", { grpc: address, models: manager.names() });
    resources.defer(() => log.info("server leaving"));
    return new App(resources.move(), address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

function openEngine(config: Config, log: Log): Engine {
  const runtime = findRuntime({ directory: config.openvinoDir, embeddedDir: unpackEmbeddedRuntime() });
  const engine = new FfiEngine(runtime.path);
  log.info("engine opened", { engine: engine.description, path: runtime.path, origin: runtime.origin });
  return engine;
}

function bind(server: GrpcServer, { grpc: { hostname, port } }: Config): string {
  try {
    const address = server.listen({ hostname, port }) as Deno.NetAddr;
    return `${address.hostname}:${address.port}`;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new Error(`Cannot listen on ${hostname}:${port}: the port is in use, choose another with --port`);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot listen on ${hostname}:${port}: ${reason}`, { cause: error });
  }
}

/** How one version is loaded. Its folder is searched when it is loaded, so that its state tells what is wrong with it. */
function newLoader(
  { folder, fingerprint }: VersionFiles,
  { engine, model, config, log }: { engine: Engine; model: ModelConfig; config: Config; log: Log },
): Loader<ModelServable> {
  return {
    fingerprint,
    load: async () => {
      const files = await findModelFiles(folder);
      const { servable, report } = await loadModel(engine, {
        files,
        shape: undefined,
        batchSize: undefined,
        device: model.device,
        properties: model.pluginConfig,
        cacheDir: undefined,
        inferRequestCount: model.inferRequestCount,
        waitersMax: config.waitersMax,
        decodeWarmUp,
      });
      log.info("model measured", { name: model.name, path: files.path, ...report });
      return servable;
    },
  };
}

function decodeWarmUp(message: Uint8Array): WarmUpRequest {
  const { modelSpec, inputs, outputFilter } = decodePredictRequest(message);
  return { signatureName: modelSpec?.signatureName ?? "", inputs, outputFilter };
}

/** A server with nothing to serve has been told something wrong: it says so at the start, rather than to each client. */
function checkAnyAvailable(manager: Manager<ModelServable>, problems: ReadonlyMap<string, string>): void {
  const states = manager.names().flatMap((name) => manager.states(name));
  if (states.some(({ state }) => state === "available")) return;
  const failed = states.find(({ error }) => error !== undefined);
  if (failed !== undefined) {
    throw new Error(`Cannot load ${failed.id.name} version ${failed.id.version}: ${failed.error?.message}`);
  }
  const [problem] = problems.values();
  throw new Error(problem ?? "No model has a version to serve");
}

function logState(log: Log, { id, state, error }: ServableState): void {
  const fields = { name: id.name, version: id.version, state };
  if (error === undefined) log.info("version changed state", fields);
  else log.error("version failed", { ...fields, error: error.message, cause: error.cause && String(error.cause) });
}
