/**
 * What runs in a serving thread: a gRPC server with an event loop of its own, over the models that the main thread has loaded.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import { shareOfThread } from "../config/config.ts";
import type { Engine } from "../engine/engine.ts";
import { callObserver } from "../telemetry/grpc_call_observer.ts";
import { ConnectionCount } from "../grpc/connection_count.ts";
import { gatedMethods, grpcMethods } from "../apis/tensorflow_serving/methods.ts";
import type { CertificateHandover, GrpcServer } from "../grpc/server.ts";
import { newGrpcServer } from "../app/grpc_server.ts";
import { faultLog } from "../telemetry/fault_log.ts";
import { modelFigures } from "../telemetry/model_figures.ts";
import { PredictionService } from "../service/prediction_service.ts";
import { requestListeners } from "../telemetry/request_listeners.ts";
import { StartGate } from "../service/start_gate.ts";
import { RequestMetrics } from "../telemetry/request_metrics.ts";
import type { MainResults, MainTask, ThreadFigures, ThreadSettings, ThreadTask } from "./messages.ts";
import { MirroredHealth } from "./mirrored_health.ts";
import { ThreadServables } from "./thread_servables.ts";

/** Has the main thread do something. */
export type AskMain = <K extends MainTask["kind"]>(task: MainTask & { kind: K }) => Promise<MainResults[K]>;

/** What a thread works with. */
export interface ThreadParts {
  /** Stays the caller's. */
  readonly engine: Engine;
  readonly log: Log;
  readonly ask: AskMain;
}

/** Does what the main thread says, and serves meanwhile. */
export class ThreadServer {
  readonly #servables: ThreadServables;
  readonly #health: MirroredHealth;
  readonly #requests: RequestMetrics;
  readonly #server: GrpcServer;
  readonly #gate: StartGate;
  readonly #log: Log;
  #handover: CertificateHandover | undefined;

  private constructor(
    settings: ThreadSettings,
    { engine, log, ask, listeners }: ThreadParts & { listeners: Awaited<ReturnType<typeof requestListeners>> },
  ) {
    const { thread, connectionCounts, grpc, waitersMax } = settings;
    this.#log = log;
    this.#gate = new StartGate({ waitersMax, bytesMax: shareOfThread(grpc.inflightBytesMax, grpc) });
    this.#servables = new ThreadServables(engine, (id) => this.#requests.forget(id));
    this.#health = new MirroredHealth();
    this.#requests = new RequestMetrics({
      isModel: (name) => this.#health.isServing(name) !== undefined,
      timesAll: listeners.length > 0,
    });
    const services = {
      prediction: new PredictionService(this.#servables.manager),
      model: {
        getModelStatus: (request, { record }) => {
          if (record !== undefined) record.modelName = request.modelSpec?.name ?? "";
          return ask({ kind: "get model status", request });
        },
        reloadConfig: (request) => ask({ kind: "reload config", request }),
      },
    } satisfies Parameters<typeof grpcMethods>[0];
    this.#server = newGrpcServer(grpc, {
      methods: gatedMethods(grpcMethods(services, { asTensorContent: grpc.encodesAsTensorContent }), this.#gate),
      health: this.#health,
      observer: callObserver(this.#requests, listeners),
      connectionCount: new ConnectionCount(connectionCounts, thread),
      onFault: faultLog(log),
    });
  }

  /** Makes a server that neither listens nor has anything to serve. */
  static async start(settings: ThreadSettings, parts: ThreadParts): Promise<ThreadServer> {
    return new ThreadServer(settings, { ...parts, listeners: await requestListeners(settings, parts.log) });
  }

  /** @throws {ServingError} what a task fails with. */
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
      case "show certificate":
        this.#handover = this.#server.replaceCertificate(task.certificate);
        return;
      case "hide old certificate":
        return this.#handover?.closeOld();
      case "tell figures":
        return {
          traffic: this.#server.traffic,
          requests: this.#requests.figures(),
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
