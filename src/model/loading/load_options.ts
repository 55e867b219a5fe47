/**
 * How a model is loaded, and what loading it found out. Types only.
 *
 * @module
 */
import type { BatchingOptions } from "../batching/batch_predictor.ts";
import type { ModelFiles } from "../source/model_files.ts";
import type { GraphReport } from "./graph_loader.ts";
import type { InferencePrecision } from "./precision.ts";
import type { BatchSize, ShapeSpec } from "./reshape.ts";
import type { VariantEvent } from "./variant_compiler.ts";
import type { DecodeWarmUp } from "./warm_up.ts";

/** How to load a model. */
export interface LoadOptions {
  readonly files: ModelFiles;
  /** Shapes in place of the model's own. */
  readonly shape: ShapeSpec | undefined;
  /** Left alone where `shape` says something. */
  readonly batchSize: BatchSize | undefined;
  readonly device: string;
  /** The engine's properties; what is not said here is chosen by measurement. */
  readonly properties: ReadonlyMap<string, string>;
  /** The type that floats are computed with; undefined for that of the format. */
  readonly inferencePrecision: InferencePrecision | undefined;
  /** A folder where the engine keeps compiled models; undefined for none. */
  readonly cacheDir: string | undefined;
  /** Infer requests at work at once; undefined for the engine's optimal number. */
  readonly inferRequestCount: number | undefined;
  /** On how many threads besides this one the model is to be inferred. */
  readonly otherThreads: number;
  readonly waitersMax: number;
  /** Whether integers that the runtime would compute wrong are refused. */
  readonly checksIntegerRange: boolean;
  /** The tags of the graph to serve in a SavedModel. */
  readonly tags: readonly string[];
  /** How requests share inferences, where the model allows it; undefined if each has its own. */
  readonly batching: BatchingOptions | undefined;
  /** Is called when a graph was compiled for other shapes, or could not be. */
  readonly onVariant?: (event: VariantEvent) => void;
  /** How to read the requests of `files.warmupPath`. */
  readonly decodeWarmUp: DecodeWarmUp;
  /** How often each of them is run. */
  readonly warmUpIterations: number;
}

/** What loading found out, for the log. */
export interface LoadReport extends GraphReport {
  readonly device: string;
  readonly inferRequestCount: number;
  /** Sentences about what is odd and was no reason not to serve. */
  readonly notes: readonly string[];
}
