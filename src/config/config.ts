/**
 * The configuration of a server, in one frozen value: what to serve, where, and within which limits. `cli/` makes it of flags, files
 * and defaults; each section goes unchanged to the module that uses it.
 *
 * @module
 */
import type { LogOptions } from "../base/log.ts";
import type { ManagerOptions } from "../core/manager.ts";
import type { GrpcServerOptions } from "../grpc/server.ts";
import type { ConfiguredLimits } from "../http2/limits.ts";
import type { InferencePrecision } from "../model/loading/precision.ts";
import type { LoadConfig, ModelConfig } from "../model/model_config.ts";
import type { RestServerOptions } from "../rest/server.ts";
import type { BatchingSource } from "./batching_parameters.ts";
import type { CertificateSource } from "./certificate_files.ts";
import type { ModelsFile } from "./models_file.ts";

export type { LoadConfig, ModelConfig } from "../model/model_config.ts";

/** Where the models are listed: in flags, or in a file that may change. */
export type ModelsSource =
  | { readonly kind: "list"; readonly models: readonly ModelConfig[] }
  | { readonly kind: "file"; readonly file: ModelsFile };

/** Where a front end listens. */
export interface ListenConfig {
  /** Host names or addresses, at least one. */
  readonly hostnames: readonly string[];
  /** The port on all of them; 0 lets the system choose. */
  readonly port: number;
  /** Undefined for no TLS. */
  readonly certificate: CertificateSource | undefined;
}

/** Where and how gRPC is served. */
export interface GrpcConfig
  extends
    ListenConfig,
    ConfiguredLimits,
    Pick<GrpcServerOptions, "messageBytesMax" | "connectionsMax" | "inflightBytesMax" | "configAccess"> {
  /** A Unix socket besides; undefined for none. */
  readonly socketPath: string | undefined;
  /** Threads that serve, including the main one. */
  readonly threads: number;
  /** Whether replies contain tensors as raw bytes rather than in the field of their dtype. */
  readonly encodesAsTensorContent: boolean;
}

/** Where and how REST is served. */
export interface RestConfig extends
  ListenConfig,
  Pick<
    RestServerOptions,
    | "configAccess"
    | "corsSupport"
    | "timeoutMs"
    | "bodyBytesMax"
    | "inflightBytesMax"
    | "connectionsMax"
    | "idleTimeoutMs"
  > {
  /** SageMaker's paths besides, with the model of requests that name none. */
  readonly sagemaker?: { readonly defaultModel: string };
}

/** What the server reports about itself, and where. */
export interface ObservationConfig {
  /** Whether the server is ready only when each of its models is. */
  readonly isReadinessStrict: boolean;
  /** Where metrics and readiness are exposed besides the REST port; undefined for nowhere. Port 0 lets the system choose. */
  readonly endpoint: { readonly hostname: string; readonly port: number } | undefined;
  /** Path of a `MonitoringConfig` in text format; undefined for none. */
  readonly monitoringPath: string | undefined;
  /** Whether each request is logged. */
  readonly logsRequests: boolean;
}

/** How versions of models are loaded. */
export interface LoadingConfig
  extends Required<Pick<ManagerOptions, "loadsMax" | "loadRetriesMax" | "loadRetryIntervalMs">> {
  /** Folder for compiled models, to load faster next time; undefined for none. */
  readonly cacheDir: string | undefined;
  /** Whether a version's recorded warm-up requests are run. */
  readonly replaysWarmUp: boolean;
  /** Runs of each of a version's warm-up requests. */
  readonly warmUpIterations: number;
  /** Tags of the graph to serve in a SavedModel. */
  readonly savedModelTags: readonly string[];
  /** Type that floats are computed with; undefined for that of the format. */
  readonly inferencePrecision: InferencePrecision | undefined;
  /** TensorFlow Serving's counts of threads; 0 where they are not given. */
  readonly intraOpThreads: number;
  readonly interOpStreams: number;
  readonly sessionThreads: number;
}

/** The configuration of a server. */
export interface Config {
  readonly models: ModelsSource;
  /** How models are loaded that do not specify it. */
  readonly load: LoadConfig;
  /**
   * The models to load at the start where models are loaded by request (`--model_control_mode explicit`), `*` for all of them;
   * undefined where all are loaded as they are configured.
   */
  readonly explicitModels: readonly string[] | undefined;
  /** Whether to start without any model that can be served, and wait for one. */
  readonly waitsForModels: boolean;
  /** Whether a new version label may refer to a version that is not available. */
  readonly allowLabelsForUnavailable: boolean;
  readonly loading: LoadingConfig;
  /** Pause between looks for new versions; 0 looks once, at the start. */
  readonly pollIntervalMs: number;
  readonly grpc: GrpcConfig;
  /** Undefined if REST is not served. */
  readonly rest: RestConfig | undefined;
  readonly observation: ObservationConfig;
  /** Requests that may wait for one model. */
  readonly waitersMax: number;
  /** Whether version 0 stands for the latest version in requests, as ie_serving's and model_server's clients mean it. */
  readonly versionZeroMeansLatest: boolean;
  /** Whether inputs of other dtypes than the model's are converted, as ie_serving did. */
  readonly convertsInputs: boolean;
  /** Whether integers are refused that the runtime would truncate. */
  readonly checksIntegerRange: boolean;
  /** How requests share inferences; undefined if each has its own. */
  readonly batching: BatchingSource | undefined;
  /** How long the server goes on serving, but not ready, before it shuts down. */
  readonly shutdownDelayMs: number;
  readonly shutdownGraceMs: number;
  /** Folder that records with which versions the process died, to stop loading them; undefined for none. */
  readonly quarantineDir: string | undefined;
  /** Folder with OpenVINO's libraries, searched before all others. */
  readonly openvinoDir: string | undefined;
  /** Libraries with operations that OpenVINO lacks. */
  readonly extensions: readonly string[];
  /** Folder to which the executable unpacks its libraries, in place of the user's cache folder. */
  readonly runtimeDir: string | undefined;
  readonly log: LogOptions;
  /** Sentences for the log on arguments that were ignored. */
  readonly notes: readonly string[];
}

/** Returns each serving thread's share of a bound that holds for all threads together, rounded up. */
export function shareOfThread(bound: number, { threads }: Pick<GrpcConfig, "threads">): number {
  return Math.ceil(bound / threads);
}
