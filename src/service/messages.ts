/**
 * Requests and replies in plain types. The codecs of each API convert them from and to its wire formats, which are unknown here.
 *
 * @module
 */
import type { RequestInput, Signature } from "../base/signature.ts";
import type { Code } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import type { StateName } from "../core/servable.ts";
import type { VersionPolicy } from "../core/version_policy.ts";

export type { MalformedTensor, RequestInput } from "../base/signature.ts";
export type { StateName } from "../core/servable.ts";

/** The servable and the signature that a request names (tensorflow_serving/apis/model.proto). */
export interface ModelSpec {
  readonly name: string;
  /** A version number; a bigint only beyond 2^53 - 1, where no servable has a version. */
  readonly version?: number | bigint;
  readonly versionLabel?: string;
  /** Empty for the default signature. */
  readonly signatureName: string;
}

/** A Predict request. */
export interface PredictRequest {
  readonly modelSpec: ModelSpec | undefined;
  /** By name, each name once (the last value of a repeated key, as in protobuf maps). */
  readonly inputs: readonly RequestInput[];
  /** Names of the outputs to return; empty for all. */
  readonly outputFilter: readonly string[];
}

/** An output of a reply. `tensor` borrows the engine's memory. */
export interface ResponseOutput {
  readonly name: string;
  readonly tensor: Tensor;
}

/** A Predict reply. Valid only until the callback that receives it returns. */
export interface PredictResponse {
  readonly modelName: string;
  readonly modelVersion: number;
  readonly signatureName: string;
  readonly outputs: readonly ResponseOutput[];
}

/** The model that answered, for the reply's ModelSpec. */
export interface ServedBy {
  readonly modelName: string;
  readonly modelVersion: number;
  readonly signatureName: string;
}

/**
 * The `tensorflow.Example`s of a request (tensorflow_serving/apis/input.proto), each serialized, after the context they share.
 * Borrowed until the reply is there.
 */
export type Examples = readonly Uint8Array[];

/** A Classify request. */
export interface ClassificationRequest {
  readonly modelSpec: ModelSpec | undefined;
  readonly examples: Examples;
}

/** A class of an example. */
export interface Class {
  /** Empty if the model returns only scores. */
  readonly label: Uint8Array;
  /** 0 if the model returns only labels. */
  readonly score: number;
}

/** The classes of each example. */
export type ClassificationResult = readonly (readonly Class[])[];

/** A Classify reply. */
export interface ClassificationResponse extends ServedBy {
  readonly result: ClassificationResult;
}

/** A Regress request. */
export interface RegressionRequest {
  readonly modelSpec: ModelSpec | undefined;
  readonly examples: Examples;
}

/** The value of each example. */
export type RegressionResult = readonly number[];

/** A Regress reply. */
export interface RegressionResponse extends ServedBy {
  readonly result: RegressionResult;
}

/** A task of a MultiInference request. */
export interface InferenceTask {
  /** If undefined, the name counts as empty. */
  readonly modelSpec: ModelSpec | undefined;
  /** `tensorflow/serving/classify` or `tensorflow/serving/regress`. */
  readonly methodName: string;
}

/** A MultiInference request: several signatures of one model over the same examples. */
export interface MultiInferenceRequest {
  readonly tasks: readonly InferenceTask[];
  readonly examples: Examples;
}

/** The result of one task. */
export type InferenceResult =
  | (ClassificationResponse & { readonly kind: "classification" })
  | (RegressionResponse & { readonly kind: "regression" });

/** A MultiInference reply, with one result a task. */
export interface MultiInferenceResponse {
  readonly results: readonly InferenceResult[];
}

/** A GetModelStatus request. Without a version it is about all versions. */
export interface GetModelStatusRequest {
  readonly modelSpec: ModelSpec | undefined;
}

/** The state of one version. */
export interface ModelVersionStatus {
  readonly version: number;
  readonly state: StateName;
  /** OK, or why the version could not be loaded. */
  readonly code: Code;
  /** Empty with OK. */
  readonly message: string;
}

/** A GetModelStatus reply, with the newest version first. */
export interface GetModelStatusResponse {
  readonly versions: readonly ModelVersionStatus[];
}

/** A model of the repository, with all its known versions, the newest first. */
export interface ModelIndexEntry {
  readonly name: string;
  /** Empty if no version was found. */
  readonly versions: readonly ModelVersionStatus[];
}

/** A GetModelMetadata request. */
export interface GetModelMetadataRequest {
  readonly modelSpec: ModelSpec | undefined;
  /** Only `signature_def` is supported. */
  readonly metadataFields: readonly string[];
}

/** A GetModelMetadata reply. */
export interface GetModelMetadataResponse {
  readonly modelName: string;
  readonly modelVersion: number;
  readonly signatures: ReadonlyMap<string, Signature>;
}

/** A model as described by a `ModelServerConfig`, unchecked (tensorflow_serving/config/model_server_config.proto). */
export interface ModelServerEntry {
  readonly name: string;
  readonly basePath: string;
  /** The deprecated `model_type`: 0 unspecified, 1 TENSORFLOW, 2 OTHER. */
  readonly modelType: number;
  /** `model_platform`; empty if there is none. */
  readonly platform: string;
  readonly versionPolicy: VersionPolicy;
  readonly versionLabels: ReadonlyMap<string, number>;
  /** Whether the entry asks for request logging. */
  readonly hasLogging: boolean;
}

/** A HandleReloadConfigRequest, with the whole set of models to serve from now on. */
export interface ReloadConfigRequest {
  /** Undefined if the request has no `model_config_list`. */
  readonly models: readonly ModelServerEntry[] | undefined;
  /** Counters whose increase the reply reports. */
  readonly metricNames: readonly string[];
}

/** The reply to a successful reload. A failure is the call's status. */
export interface ReloadConfigResponse {
  readonly metrics: readonly { readonly name: string; readonly increase: number }[];
}
