/**
 * What the main thread and a serving thread say to each other. All of it can be cloned to the other side.
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
import type { ModelFigures } from "../telemetry/model_figures.ts";
import type { RequestFigures } from "../telemetry/compatibility/request_metric_names.ts";

/** What a thread is made with. */
export interface ThreadSettings {
  /** Its own place among all threads; the main thread has 0. */
  readonly thread: number;
  /** Open connections by thread, shared. */
  readonly connectionCounts: Int32Array<SharedArrayBuffer>;
  readonly grpc: GrpcConfig;
  readonly log: Pick<LogOptions, "level" | "format">;
  readonly logsRequests: boolean;
  /** Requests that may wait for the first models, on all threads together. */
  readonly waitersMax: number;
  /** The engine of the main thread. */
  readonly engine: EngineSpec;
}

/** Another thread's servable, to be served here. */
export interface SharedVersion {
  /** Names it for good: a version that is loaded anew has another. */
  readonly key: number;
  readonly name: string;
  readonly version: number;
  readonly servable: SharedServable;
}

/** What a serving thread is asked to do; it answers each when it is done. */
export type ThreadTask =
  | { readonly kind: "start"; readonly settings: ThreadSettings }
  | { readonly kind: "listen"; readonly endpoints: readonly TcpEndpoint[] }
  | { readonly kind: "accept" }
  /** The first models are there: what waits for them goes on. */
  | { readonly kind: "open gate" }
  /** Done when requests get it. */
  | { readonly kind: "serve"; readonly version: SharedVersion }
  /** Done when nothing is left of it. */
  | { readonly kind: "withdraw"; readonly key: number }
  | { readonly kind: "label"; readonly name: string; readonly labels: ReadonlyMap<string, number> }
  /** Whether each service and model can be asked. */
  | { readonly kind: "health"; readonly statuses: ReadonlyMap<string, boolean> }
  | { readonly kind: "show certificate"; readonly certificate: CertificateTexts }
  | { readonly kind: "hide old certificate" }
  | { readonly kind: "report figures" }
  | { readonly kind: "stop listening" }
  /** Done when all calls are over. What it serves it keeps until that is withdrawn. */
  | { readonly kind: "leave"; readonly graceMs: number };

/** What a serving thread has counted since it was started. */
export interface ThreadFigures {
  readonly traffic: GrpcTraffic;
  readonly requests: RequestFigures;
  readonly models: readonly ModelFigures[];
  readonly batches: BatchCounts;
}

/** What only the main thread can answer. */
export type MainTask =
  | { readonly kind: "get model status"; readonly request: GetModelStatusRequest }
  | { readonly kind: "index models" }
  | { readonly kind: "reload config"; readonly request: ReloadConfigRequest };

/** What the tasks of the main thread come to. */
export interface MainResults {
  readonly "get model status": GetModelStatusResponse;
  readonly "index models": readonly ModelIndexEntry[];
  readonly "reload config": ReloadConfigResponse;
}

/** What a serving thread says besides. */
export type Remark =
  /** Lines of its log. */
  | { readonly kind: "log"; readonly lines: Uint8Array }
  /** It cannot go on: something failed that nobody handled. */
  | { readonly kind: "failed"; readonly reason: string };
