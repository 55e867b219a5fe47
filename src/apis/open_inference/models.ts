/**
 * What the protocol says of models and of the server, in plain types for both of its encodings.
 *
 * @module
 */
import type { RequestRecord } from "../../base/request_record.ts";
import type { Dimension, Signature, TensorSpec } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { ModelIndexEntry, ModelVersionStatus, StateName } from "../../service/messages.ts";
import type { StatisticsSource, VersionStatistics } from "../../service/inference_statistics.ts";
import type { ModelManagement } from "../../service/model_service.ts";
import type { PredictionService } from "../../service/prediction_service.ts";
import type { ReadinessSource } from "../../service/readiness.ts";
import { DATATYPE } from "./datatype.ts";
import { modelError, modelSpecOf } from "./infer_request.ts";

/** The framework of every model, as model_server names it, and Triton's name of the backend. */
export const PLATFORM = "OpenVINO";
export const BACKEND = "openvino";

/** The extensions of the protocol that are offered, in Triton's names. */
export const EXTENSIONS: readonly string[] = [
  "binary_tensor_data",
  "classification",
  "model_configuration",
  "model_repository",
  "parameters",
  "statistics",
];

/** A model, and optionally a version of it in decimal digits. */
export interface ModelName {
  readonly name: string;
  /** Empty for the version the server chooses. */
  readonly version: string;
}

/** A call whose record receives what the request was for. */
export interface RecordedCall {
  readonly record?: RequestRecord | undefined;
}

/** One input or output. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  /** -1 stands for a dimension of any size. */
  readonly shape: readonly number[];
}

/** A model's metadata. */
export interface ModelMetadata {
  readonly name: string;
  /** Versions that serve, the oldest first. */
  readonly versions: readonly string[];
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** One version in the index of the repository. */
export interface RepositoryEntry {
  readonly name: string;
  /** Empty for a model without any version. */
  readonly version: string;
  readonly state: "READY" | "LOADING" | "UNLOADING" | "UNAVAILABLE";
  /** Why the version is not ready; empty if it is. */
  readonly reason: string;
}

const STATE: Readonly<Record<StateName, RepositoryEntry["state"]>> = {
  start: "LOADING",
  loading: "LOADING",
  available: "READY",
  unloading: "UNLOADING",
  end: "UNAVAILABLE",
};

/** Returns whether a model can be asked; a model or version that is not there cannot. */
export function isModelReady(readiness: ReadinessSource, { name, version }: ModelName): boolean {
  const number = modelSpecOf(name, version).version;
  return readiness.isModelReady(name, number === undefined ? undefined : Number(number)) === true;
}

/**
 * Returns the metadata of a model, whose default signature it describes; that of a model without one, its first.
 *
 * @throws {ServingError} INVALID_ARGUMENT for a version that is no number, NOT_FOUND for a model or version that does not serve.
 */
export async function modelMetadata(
  { prediction, model }: { prediction: PredictionService; model: ModelManagement },
  { name, version }: ModelName,
  caller: RecordedCall,
): Promise<ModelMetadata> {
  const { inputs, outputs } = signatureOf(prediction, { name, version }, caller);
  const versions = (await model.index()).find((entry) => entry.name === name)?.versions ?? [];
  const available = versions.filter(({ state }) => state === "available").map((status) => status.version);
  return {
    name,
    versions: available.sort((a, b) => a - b).map(String),
    inputs: inputs.map(metadataOf),
    outputs: outputs.map(metadataOf),
  };
}

/**
 * Returns the default signature of a model, else its first.
 *
 * @throws {ServingError} as {@link modelMetadata}.
 */
export function signatureOf(
  prediction: PredictionService,
  { name, version }: ModelName,
  caller: RecordedCall,
): Signature {
  const modelSpec = modelSpecOf(name, version);
  try {
    const { signatures } = prediction.getModelMetadata({ modelSpec, metadataFields: ["signature_def"] }, caller);
    const signature = signatures.get("serving_default") ?? signatures.values().next().value;
    return signature ?? { inputs: [], outputs: [] };
  } catch (error) {
    throw modelError(error, { name, version });
  }
}

function metadataOf({ name, dtype, shape }: TensorSpec): TensorMetadata {
  return { name, datatype: DATATYPE[dtype], shape: shape?.map(sizeOf) ?? [-1] };
}

function sizeOf({ min, max }: Dimension): number {
  return min === max ? min : -1;
}

/**
 * Returns the repository's versions.
 *
 * @param isReady whether to return only versions that can be asked.
 */
export function repositoryIndex(
  models: readonly ModelIndexEntry[],
  { isReady }: { isReady: boolean },
): readonly RepositoryEntry[] {
  const entries = models.flatMap(({ name, versions }): RepositoryEntry[] =>
    versions.length === 0
      ? [{ name, version: "", state: "UNAVAILABLE", reason: "no version was found" }]
      : versions.map((status) => entryOf(name, status))
  );
  return isReady ? entries.filter(({ state }) => state === "READY") : entries;
}

function entryOf(name: string, { version, state, code, message }: ModelVersionStatus): RepositoryEntry {
  const reason = state === "end" && code === CODE.OK ? "unloaded" : state === "available" ? "" : message;
  return { name, version: String(version), state: STATE[state], reason };
}

/** @throws {ServingError} INVALID_ARGUMENT for the name of a repository: the server has one, without a name. */
export function checkRepositoryName(name: string): void {
  if (name === "") return;
  throw new ServingError(
    CODE.INVALID_ARGUMENT,
    `There is no repository '${name}': the server has one, and it has no name`,
  );
}

/**
 * Returns the statistics of one model, or one version of it; of all models for an empty name.
 *
 * @throws {ServingError} INVALID_ARGUMENT for a version that is no number, NOT_FOUND for a model or version that does not serve.
 */
export async function statisticsOf(
  { statistics }: { statistics: StatisticsSource },
  { name, version }: ModelName,
): Promise<readonly VersionStatistics[]> {
  const number = modelSpecOf(name, version).version;
  const all = await statistics.statistics();
  if (name === "") return all;
  const found = all.filter((entry) =>
    entry.name === name && (number === undefined || entry.version === Number(number))
  );
  if (found.length > 0) return found;
  throw modelError(new ServingError(CODE.NOT_FOUND, `No version of ${name} serves`), { name, version });
}
