/**
 * The messages between the main thread and a serving thread. All of them can be cloned.
 *
 * @module
 */
import type { LogOptions } from "../base/log.ts";
import type { GrpcConfig } from "../config/config.ts";
import type { CertificateTexts } from "../config/certificate_files.ts";
import type { EngineSpec } from "../engine/engine.ts";
import type { TcpEndpoint } from "../grpc/endpoint.ts";
import type { GrpcTraffic } from "../grpc/server.ts";
import type { BatchCounts } from "../model/batching/batch_figures.ts";
import type { SharedServable } from "../model/model_servable.ts";
import type {
  GetModelStatusRequest,
  GetModelStatusResponse,
  ModelIndexEntry,
  ReloadConfigRequest,
  ReloadConfigResponse,
} from "../service/messages.ts";
import type { VersionStatistics } from "../service/inference_statistics.ts";
import type { ModelFigures } from "../telemetry/model_figures.ts";
import type { RequestFigures } from "../telemetry/request_series.ts";

/** How a thread is set up. */
export interface ThreadSettings {
  /** Its number among all threads; the main thread is 0. */
  readonly thread: number;
  /** Open connections by thread, shared. */
  readonly connectionCounts: Int32Array<SharedArrayBuffer>;
  readonly grpc: GrpcConfig;
  readonly log: Pick<LogOptions, "level" | "format">;
  readonly logsRequests: boolean;
  /** Requests that may wait for the first models, on all threads together. */
  readonly waitersMax: number;
  /** As in the configuration. */
  readonly versionZeroMeansLatest: boolean;
  readonly convertsInputs: boolean;
  /** The engine of the main thread. */
  readonly engine: EngineSpec;
}

/** A servable of the main thread, for a serving thread to serve. */
export interface SharedVersion {
  /** Unique: a version that is loaded again gets another key. */
  readonly key: number;
  readonly name: string;
  readonly version: number;
  readonly servable: SharedServable;
}

/** Tasks of a serving thread. It replies to each when it is done. */
export type ThreadTask =
  | { readonly kind: "start"; readonly settings: ThreadSettings }
  | { readonly kind: "listen"; readonly endpoints: readonly TcpEndpoint[] }
  | { readonly kind: "accept" }
  /** The first models are loaded: requests that wait for them go on. */
  | { readonly kind: "open gate" }
  /** Done when requests reach the version. */
  | { readonly kind: "serve"; readonly version: SharedVersion }
  /** Done when the version is freed. */
  | { readonly kind: "withdraw"; readonly key: number }
  | { readonly kind: "label"; readonly name: string; readonly labels: ReadonlyMap<string, number> }
  /** Whether each service and model serves requests. */
  | { readonly kind: "health"; readonly statuses: ReadonlyMap<string, boolean> }
  | { readonly kind: "present certificate"; readonly certificate: CertificateTexts }
  | { readonly kind: "close old certificate" }
  | { readonly kind: "report figures" }
  | { readonly kind: "stop listening" }
  /** Done when all calls are over. Versions stay until they are withdrawn. */
  | { readonly kind: "leave"; readonly graceMs: number };

/** What a serving thread has counted since its start. */
export interface ThreadFigures {
  readonly traffic: GrpcTraffic;
  readonly requests: RequestFigures;
  readonly models: readonly ModelFigures[];
  readonly batches: BatchCounts;
}

/** Tasks that only the main thread can do. */
export type MainTask =
  | { readonly kind: "get model status"; readonly request: GetModelStatusRequest }
  | { readonly kind: "index models" }
  | { readonly kind: "load model"; readonly name: string; readonly parameters: readonly string[] }
  | { readonly kind: "unload model"; readonly name: string }
  | { readonly kind: "report statistics" }
  | { readonly kind: "reload config"; readonly request: ReloadConfigRequest };

/** The results of the main thread's tasks. */
export interface MainResults {
  readonly "get model status": GetModelStatusResponse;
  readonly "index models": readonly ModelIndexEntry[];
  readonly "load model": void;
  readonly "unload model": void;
  readonly "report statistics": readonly VersionStatistics[];
  readonly "reload config": ReloadConfigResponse;
}

/** What a serving thread reports unasked. */
export type Notice =
  /** Lines of its log. */
  | { readonly kind: "log"; readonly lines: Uint8Array }
  /** An unhandled error: the thread must be replaced. */
  | { readonly kind: "failed"; readonly reason: string };
