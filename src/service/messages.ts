/**
 * Requests and replies of the TensorFlow Serving API in plain types. What `grpc/` decodes from protobuf and `rest/` from
 * JSON, and encodes to them. Knows no wire format.
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

/** Which servable and which of its signatures a request asks for (tensorflow_serving/apis/model.proto). */
export interface ModelSpec {
  readonly name: string;
  /** A version by number; a bigint only where it is past 2^53 - 1, which no servable has. */
  readonly version?: number | bigint;
  readonly versionLabel?: string;
  /** Empty for the default signature. */
  readonly signatureName: string;
}

/** A Predict request. */
export interface PredictRequest {
  readonly modelSpec: ModelSpec | undefined;
  /** By name, each once (a repeated key's last value, as protobuf maps do). */
  readonly inputs: readonly RequestInput[];
  /** Names of the outputs to send; empty for all. */
  readonly outputFilter: readonly string[];
}

/** An output of a reply; `tensor` borrows the engine's memory. */
export interface ResponseOutput {
  readonly name: string;
  readonly tensor: Tensor;
}

/** A Predict reply. Valid only until the callback it is given to returns. */
export interface PredictResponse {
  readonly modelName: string;
  readonly modelVersion: number;
  readonly signatureName: string;
  readonly outputs: readonly ResponseOutput[];
}

/** Which model answered, as the reply's ModelSpec says it. */
export interface ServedBy {
  readonly modelName: string;
  readonly modelVersion: number;
  readonly signatureName: string;
}

/**
 * The `tensorflow.Example`s of a request (tensorflow_serving/apis/input.proto), each serialized, with the context they share in
 * front of it. Borrowed until the reply is there.
 */
export type Examples = readonly Uint8Array[];

/** A Classify request. */
export interface ClassificationRequest {
  readonly modelSpec: ModelSpec | undefined;
  readonly examples: Examples;
}

/** A class an example may belong to. */
export interface Class {
  /** Empty where the model gives scores alone. */
  readonly label: Uint8Array;
  /** 0 where the model gives labels alone. */
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

/** One of the questions of a MultiInference request. */
export interface InferenceTask {
  /** Without one the name counts as empty. */
  readonly modelSpec: ModelSpec | undefined;
  /** `tensorflow/serving/classify` or `tensorflow/serving/regress`. */
  readonly methodName: string;
}

/** A MultiInference request: several signatures of one model over the same examples. */
export interface MultiInferenceRequest {
  readonly tasks: readonly InferenceTask[];
  readonly examples: Examples;
}

/** The answer to one task. */
export type InferenceResult =
  | (ClassificationResponse & { readonly kind: "classification" })
  | (RegressionResponse & { readonly kind: "regression" });

/** A MultiInference reply, a result a task. */
export interface MultiInferenceResponse {
  readonly results: readonly InferenceResult[];
}

/** A GetModelStatus request; without a version it asks for all of them. */
export interface GetModelStatusRequest {
  readonly modelSpec: ModelSpec | undefined;
}

/** Where one version is in its life. */
export interface ModelVersionStatus {
  readonly version: number;
  readonly state: StateName;
  /** OK, or why the version could not be loaded. */
  readonly code: Code;
  /** Empty with OK. */
  readonly message: string;
}

/** A GetModelStatus reply, versions in the order they are told. */
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
  /** What to tell; `signature_def` is all there is. */
  readonly metadataFields: readonly string[];
}

/** A GetModelMetadata reply. */
export interface GetModelMetadataResponse {
  readonly modelName: string;
  readonly modelVersion: number;
  readonly signatures: ReadonlyMap<string, Signature>;
}

/** A model as a `ModelServerConfig` describes it, unchecked (tensorflow_serving/config/model_server_config.proto). */
export interface ModelServerEntry {
  readonly name: string;
  readonly basePath: string;
  /** The deprecated `model_type`: 0 unspecified, 1 TENSORFLOW, 2 OTHER. */
  readonly modelType: number;
  /** `model_platform`; empty where there is none. */
  readonly platform: string;
  readonly versionPolicy: VersionPolicy;
  readonly versionLabels: ReadonlyMap<string, number>;
  /** Whether requests are to be logged. */
  readonly hasLogging: boolean;
}

/** A HandleReloadConfigRequest: the whole set of models to serve from now on. */
export interface ReloadConfigRequest {
  /** Undefined when the request holds no `model_config_list`. */
  readonly models: readonly ModelServerEntry[] | undefined;
  /** Counters whose increase the reply tells. */
  readonly metricNames: readonly string[];
}

/** The reply when all went well; a failure is the call's own status. */
export interface ReloadConfigResponse {
  readonly metrics: readonly { readonly name: string; readonly increase: number }[];
}
