/**
 * The protocol's JSON besides inference (specification/protocol/inference_rest.md, Triton's docs/protocol/).
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import { JsonDocument } from "../../../json/json_document.ts";
import type { Duration, VersionStatistics } from "../../../service/inference_statistics.ts";
import type { ModelIndexEntry } from "../../../service/messages.ts";
import { BACKEND, type ModelMetadata, PLATFORM, type RepositoryEntry, type TensorMetadata } from "../models.ts";

/** The body of a model's metadata. */
export function encodeModelMetadata({ name, versions, inputs, outputs }: ModelMetadata): unknown {
  return { name, versions, platform: PLATFORM, inputs, outputs };
}

/** The body of a model's configuration. The shapes are complete, so `max_batch_size` is 0. */
export function encodeModelConfig({ name, inputs, outputs }: ModelMetadata): unknown {
  const port = ({ name, datatype, shape }: TensorMetadata) => ({
    name,
    data_type: `TYPE_${datatype === "BYTES" ? "STRING" : datatype}`,
    dims: shape,
  });
  return {
    name,
    platform: PLATFORM,
    backend: BACKEND,
    max_batch_size: 0,
    input: inputs.map(port),
    output: outputs.map(port),
  };
}

/** The body of the list of models, as KServe's server gives it. */
export function encodeModelNames(models: readonly ModelIndexEntry[]): unknown {
  return { models: models.map(({ name }) => name) };
}

/** The body of the repository's index. */
export function encodeIndex(entries: readonly RepositoryEntry[]): unknown {
  return entries.map(({ name, version, state, reason }) => ({
    name,
    ...(version !== "" && { version }),
    state,
    ...(reason !== "" && { reason }),
  }));
}

/** The body of statistics. */
export function encodeStatistics(statistics: readonly VersionStatistics[]): unknown {
  const rounded = ({ count, ns }: Duration) => ({ count, ns: Math.round(ns) });
  return {
    model_stats: statistics.map((version) => ({
      name: version.name,
      version: String(version.version),
      last_inference: Math.round(version.lastInferenceMs),
      inference_count: version.inferenceCount,
      execution_count: version.executionCount,
      inference_stats: {
        success: rounded(version.success),
        fail: rounded(version.failure),
        queue: rounded(version.queue),
        compute_input: rounded(version.input),
        compute_infer: rounded(version.inference),
        compute_output: rounded(version.output),
        cache_hit: { count: 0, ns: 0 },
        cache_miss: { count: 0, ns: 0 },
      },
      batch_stats: version.batches.map(({ size, inference }) => ({
        batch_size: size,
        compute_infer: rounded(inference),
      })),
    })),
  };
}

/**
 * Decodes the body of a request for the index; it may be empty.
 *
 * @throws {ServingError} INVALID_ARGUMENT for JSON that is none.
 */
export function decodeIndexBody(body: Uint8Array): { isReady: boolean } {
  const document = objectOf(body);
  const ready = document?.member(0, "ready");
  if (document === undefined || ready === undefined) return { isReady: false };
  const isReady = document.boolean(ready);
  if (isReady === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Expected true or false in 'ready'");
  return { isReady };
}

/**
 * Decodes the body of a request to load a model; it may be empty.
 *
 * @returns the names of its parameters.
 * @throws {ServingError} INVALID_ARGUMENT for JSON that is none.
 */
export function decodeLoadBody(body: Uint8Array): readonly string[] {
  const document = objectOf(body);
  const parameters = document?.member(0, "parameters");
  if (document === undefined || parameters === undefined) return [];
  if (!document.isObject(parameters)) {
    throw new ServingError(CODE.INVALID_ARGUMENT, "Expected an object in 'parameters'");
  }
  const names: string[] = [];
  for (let node = parameters + 1; node < document.next(parameters); node = document.next(node + 1)) {
    names.push(document.text(node));
  }
  return names;
}

function objectOf(body: Uint8Array): JsonDocument | undefined {
  if (body.length === 0) return undefined;
  const document = new JsonDocument(body);
  if (document.isObject(0)) return document;
  throw new ServingError(CODE.INVALID_ARGUMENT, "Expected a JSON object");
}
