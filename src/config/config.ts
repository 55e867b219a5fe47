/**
 * Everything the program can be told, in one frozen value: what to serve, where, and within which limits. Flags and files are
 * turned into it in this folder and in `cli/`; the layers below get the parts that are theirs.
 *
 * @module
 */
import type { LogOptions } from "../base/log.ts";
import type { ManagerOptions } from "../core/manager.ts";
import type { GrpcServerOptions } from "../grpc/server.ts";
import type { ConfiguredLimits } from "../http2/limits.ts";
import type { LoadConfig, ModelConfig } from "../model/model_config.ts";
import type { RestServerOptions } from "../rest/server.ts";
import type { BatchingSource } from "./batching_parameters.ts";
import type { CertificateSource } from "./certificate_files.ts";
import type { ModelsFile } from "./models_file.ts";

export type { LoadConfig, ModelConfig } from "../model/model_config.ts";

/** Where the models to serve are listed: in flags, or in a file that may change. */
export type ModelsSource =
  | { readonly kind: "list"; readonly models: readonly ModelConfig[] }
  | { readonly kind: "file"; readonly file: ModelsFile };

/** Where a front end listens. */
export interface ListenConfig {
  /** Names or addresses, at least one. */
  readonly hostnames: readonly string[];
  /** The same for all of them; 0 lets the system choose. */
  readonly port: number;
  /** What is shown to clients; undefined for no TLS. */
  readonly certificate: CertificateSource | undefined;
}

/** Where and how gRPC is served. */
export interface GrpcConfig
  extends
    ListenConfig,
    ConfiguredLimits,
    Pick<GrpcServerOptions, "messageBytesMax" | "connectionsMax" | "inflightBytesMax"> {
  /** A Unix socket besides; undefined for none. */
  readonly socketPath: string | undefined;
  /** How many threads serve, the main one among them. */
  readonly threads: number;
  /** Whether replies contain tensors as raw bytes rather than in the field of their dtype. */
  readonly encodesAsTensorContent: boolean;
}

/** Where and how REST is served. */
export interface RestConfig extends
  ListenConfig,
  Pick<
    RestServerOptions,
    "corsSupport" | "timeoutMs" | "bodyBytesMax" | "inflightBytesMax" | "connectionsMax" | "idleTimeoutMs"
  > {
  /** SageMaker's paths besides, with the model of requests that name none. */
  readonly sagemaker?: { readonly defaultModel: string };
}

/** What is told of the server to those who watch it, and where. */
export interface ObservationConfig {
  /** Whether the server is ready only when each of its models is. */
  readonly isReadinessStrict: boolean;
  /** Where metrics and readiness are told besides REST's port; undefined for nowhere. A port of 0 lets the system choose. */
  readonly endpoint: { readonly hostname: string; readonly port: number } | undefined;
  /** A `MonitoringConfig` in text format; undefined for none. */
  readonly monitoringPath: string | undefined;
  /** Whether each request is logged. */
  readonly logsRequests: boolean;
}

/** How versions of models are loaded. */
export interface LoadingConfig
  extends Required<Pick<ManagerOptions, "loadsMax" | "loadRetriesMax" | "loadRetryIntervalMs">> {
  /** Where compiled models are kept for the next start. */
  readonly cacheDir: string | undefined;
  /** How often each of a version's recorded warm-up requests is run. */
  readonly warmUpIterations: number;
}

/** Everything the program can be told. */
export interface Config {
  readonly models: ModelsSource;
  /** How models are loaded that do not say so themselves. */
  readonly load: LoadConfig;
  /** Whether to serve before there is anything to serve, and wait for it. */
  readonly waitsForModels: boolean;
  /** Whether a new version label may stand for a version that is not available. */
  readonly allowLabelsForUnavailable: boolean;
  readonly loading: LoadingConfig;
  /** Pause between looks for new versions; 0 looks once. */
  readonly pollIntervalMs: number;
  readonly grpc: GrpcConfig;
  /** Undefined where REST is not served. */
  readonly rest: RestConfig | undefined;
  readonly observation: ObservationConfig;
  /** Requests that may wait for one model. */
  readonly waitersMax: number;
  /** Whether integers are refused that the runtime would compute wrong. */
  readonly checksIntegerRange: boolean;
  /** How requests share inferences; undefined where each has its own. */
  readonly batching: BatchingSource | undefined;
  /** How long the server goes on when it is asked to leave, while it says that it is not ready. */
  readonly shutdownDelayMs: number;
  readonly shutdownGraceMs: number;
  /** Where it is remembered which versions the process died with, to load them no more; undefined for nowhere. */
  readonly quarantineDir: string | undefined;
  /** A folder with OpenVINO's libraries, to be used before all others. */
  readonly openvinoDir: string | undefined;
  /** The folder to which the executable unpacks the libraries it carries, in place of the usual ones for caches. */
  readonly runtimeDir: string | undefined;
  readonly log: LogOptions;
  /** What was passed over in the arguments, in sentences for the log. */
  readonly notes: readonly string[];
}

/** What each serving thread may have of something that is bounded as a whole; together they may round it up. */
export function shareOfThread(bound: number, { threads }: Pick<GrpcConfig, "threads">): number {
  return Math.ceil(bound / threads);
}
