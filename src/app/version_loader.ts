/**
 * Loads one version of a model as configured, for a server and for `ovserve check`.
 *
 * @module
 */
import { type Batching, batchingOptionsOf } from "../config/batching_parameters.ts";
import { type Config, type ModelConfig, shareOfThread } from "../config/config.ts";
import type { Engine } from "../engine/engine.ts";
import { decodePredictRequest } from "../apis/tensorflow_serving/grpc/predict_codec.ts";
import type { ModelFiles } from "../model/source/model_files.ts";
import type { SourceVersion } from "../model/source/source.ts";
import type { LoadOptions, LoadReport } from "../model/loading/load_options.ts";
import { loadModel } from "../model/loading/model_loader.ts";
import type { ModelServable } from "../model/model_servable.ts";
import type { Quarantine } from "../model/gates/quarantine.ts";
import type { WarmUpRequest } from "../model/loading/warm_up.ts";

/** What versions are loaded with. All of it is borrowed. */
export interface VersionLoaderParts {
  readonly config: Config;
  readonly engine: Engine;
  /** Threads besides this one that will infer it too. */
  readonly otherThreads: number;
  readonly batching: Batching | undefined;
  /** Refuses versions with which the process has died repeatedly; undefined for none. */
  readonly quarantine: Quarantine | undefined;
  /** Is called when a graph of the version was compiled for other shapes, or could not be. */
  readonly onVariant?: LoadOptions["onVariant"];
}

/** A version that was loaded. */
export interface LoadedVersion {
  /** Owned by the caller. */
  readonly servable: ModelServable;
  readonly report: LoadReport;
  readonly files: ModelFiles;
}

/**
 * Loads a version.
 *
 * @throws {ServingError} if its files or its configuration cannot be used.
 */
export async function loadVersion(
  model: ModelConfig,
  version: SourceVersion,
  { config, engine, otherThreads, batching, quarantine, onVariant }: VersionLoaderParts,
): Promise<LoadedVersion> {
  const found = await version.findFiles();
  const files = config.loading.replaysWarmUp ? found : { ...found, warmupPath: undefined };
  const options = {
    files,
    shape: model.shape,
    batchSize: model.batchSize,
    device: model.device,
    properties: propertiesOf(model, config.loading),
    inferencePrecision: model.inferencePrecision ?? config.loading.inferencePrecision,
    tags: model.savedModelTags ?? config.loading.savedModelTags,
    cacheDir: config.loading.cacheDir,
    inferRequestCount: model.inferRequestCount,
    otherThreads,
    waitersMax: shareOfThread(config.waitersMax, config.grpc),
    checksIntegerRange: config.checksIntegerRange,
    batching: batching && await batchingOptionsOf(files.batchingPath, batching),
    ...onVariant && { onVariant },
    decodeWarmUp,
    warmUpIterations: config.loading.warmUpIterations,
  };
  const load = (engine: Engine): ReturnType<typeof loadModel> => loadModel(engine, options);
  const loaded = quarantine === undefined
    ? await load(engine)
    : await quarantine.load({ ...version, name: model.name }, { engine, load });
  return { ...loaded, files };
}

/** TensorFlow Serving's counts of threads in OpenVINO's words; what the model's own properties say counts more. */
function propertiesOf(
  { pluginConfig }: ModelConfig,
  { intraOpThreads, interOpStreams, sessionThreads }: Config["loading"],
): ReadonlyMap<string, string> {
  const threads = intraOpThreads || sessionThreads;
  return new Map([
    ...threads > 0 ? [["INFERENCE_NUM_THREADS", String(threads)] as const] : [],
    ...interOpStreams > 0 ? [["NUM_STREAMS", String(interOpStreams)] as const] : [],
    ...pluginConfig,
  ]);
}

function decodeWarmUp(message: Uint8Array): WarmUpRequest {
  const { modelSpec, inputs, outputFilter } = decodePredictRequest(message);
  return { signatureName: modelSpec?.signatureName ?? "", inputs, outputFilter };
}
