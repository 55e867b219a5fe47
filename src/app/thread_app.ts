/**
 * What a serving thread is put together from: a gRPC server with its own event loop, over models that the main thread loads. Its
 * parts are those of `app.ts`; what only the main thread knows arrives as tasks.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import type { Engine } from "../engine/engine.ts";
import { ConnectionCount } from "../grpc/connection_count.ts";
import type { CertificateHandover, GrpcServer } from "../grpc/server.ts";
import { PredictionService } from "../service/prediction_service.ts";
import type { ReadinessSource } from "../service/readiness.ts";
import type { StartGate } from "../service/start_gate.ts";
import { modelFigures } from "../telemetry/model_figures.ts";
import type { MainResults, MainTask, ThreadFigures, ThreadSettings, ThreadTask } from "../threads/messages.ts";
import { MirroredHealth } from "../threads/mirrored_health.ts";
import { ThreadServables } from "../threads/thread_servables.ts";
import { configuredApis } from "./apis.ts";
import { newGrpcServer, newStartGate } from "./grpc_server.ts";
import { RequestTelemetry } from "./request_telemetry.ts";
import { SERVER } from "./version.ts";

/** Asks the main thread to do something. */
export type AskMain = <K extends MainTask["kind"]>(task: MainTask & { kind: K }) => Promise<MainResults[K]>;

/** Does the tasks of the main thread, and serves requests meanwhile. */
export class ThreadApp {
  readonly #servables: ThreadServables;
  readonly #health: MirroredHealth;
  readonly #telemetry: RequestTelemetry;
  readonly #gate: StartGate;
  readonly #server: GrpcServer;
  readonly #log: Log;
  #handover: CertificateHandover | undefined;

  private constructor(
    settings: ThreadSettings,
    parts: { engine: Engine; log: Log; ask: AskMain; health: MirroredHealth; telemetry: RequestTelemetry },
  ) {
    const { engine, log, ask, health, telemetry } = parts;
    this.#log = log;
    this.#health = health;
    this.#telemetry = telemetry;
    this.#gate = newStartGate(settings);
    this.#servables = new ThreadServables(engine, (id) => telemetry.metrics.forget(id));
    this.#server = newGrpcServer(settings.grpc, {
      apis: configuredApis({ grpc: settings.grpc, rest: undefined }),
      services: {
        prediction: new PredictionService(this.#servables.manager, settings),
        model: {
          getModelStatus: (request, { record }) => {
            if (record !== undefined) record.modelName = request.modelSpec?.name ?? "";
            return ask({ kind: "get model status", request });
          },
          index: () => ask({ kind: "index models" }),
          load: (name, parameters) => ask({ kind: "load model", name, parameters }),
          unload: (name) => ask({ kind: "unload model", name }),
          reloadConfig: (request) => ask({ kind: "reload config", request }),
        },
        readiness: threadReadiness(health, this.#servables, settings),
        statistics: { statistics: () => ask({ kind: "report statistics" }) },
        server: SERVER,
      },
      gate: this.#gate,
      health,
      telemetry,
      connectionCount: new ConnectionCount(settings.connectionCounts, settings.thread),
    });
  }

  /**
   * Puts a thread together; it neither listens nor has a model yet.
   *
   * @param parts.engine borrowed.
   */
  static async start(
    settings: ThreadSettings,
    parts: { engine: Engine; log: Log; ask: AskMain },
  ): Promise<ThreadApp> {
    const { logsRequests } = settings;
    const health = new MirroredHealth();
    const isModel = (name: string) => health.isServing(name) !== undefined;
    const telemetry = await RequestTelemetry.open(parts.log, { logsRequests, isModel });
    return new ThreadApp(settings, { ...parts, health, telemetry });
  }

  /** @throws {ServingError} if the task fails. */
  perform(task: Exclude<ThreadTask, { kind: "start" }>): void | Promise<void> | ThreadFigures {
    switch (task.kind) {
      case "listen":
        for (const endpoint of task.endpoints) this.#server.listen(endpoint);
        return;
      case "accept":
        return this.#server.accept();
      case "open gate":
        return this.#gate.open();
      case "serve":
        return this.#servables.serve(task.version);
      case "withdraw":
        return this.#servables.withdraw(task.key);
      case "label":
        return this.#servables.label(task.name, task.labels);
      case "health":
        return this.#health.update(task.statuses);
      case "present certificate":
        this.#handover = this.#server.replaceCertificate(task.certificate);
        return;
      case "close old certificate":
        return this.#handover?.closeOld();
      case "report figures":
        return {
          traffic: this.#server.traffic,
          requests: this.#telemetry.metrics.figures(),
          models: modelFigures(this.#servables.manager),
          batches: this.#servables.batches.sum(),
        };
      case "stop listening":
        return this.#server.stopListening();
      case "leave":
        return this.#leave(task.graceMs);
    }
  }

  async #leave(graceMs: number): Promise<void> {
    this.#gate[Symbol.dispose]();
    await this.#server.shutdown(graceMs);
    await this.#log.flush();
  }
}

/** The main thread's view of readiness, and of single versions this thread's own. */
function threadReadiness(
  health: MirroredHealth,
  { manager }: ThreadServables,
  { versionZeroMeansLatest }: Pick<ThreadSettings, "versionZeroMeansLatest">,
): ReadinessSource {
  return {
    isReady: () => health.isServing("") === true,
    isModelReady: (name, version) => {
      const isServing = health.isServing(name);
      const isAny = version === undefined || version === 0 && versionZeroMeansLatest;
      if (isServing === undefined || isAny) return isServing;
      const found = manager.states(name).find(({ id }) => id.version === version);
      return found && isServing && found.state === "available";
    },
  };
}
