/**
 * The configuration of one model: its place, its versions, and how it is loaded. Types only.
 *
 * @module
 */
import type { VersionPolicy } from "../core/version_policy.ts";
import type { InferencePrecision } from "./loading/precision.ts";
import type { BatchSize, ShapeSpec } from "./loading/reshape.ts";

/** How a model is compiled. A change of any option loads a served version again, beside itself. */
export interface LoadConfig {
  /** The device to compile for, in OpenVINO's terms: `CPU`, `GPU.0`, `AUTO`. */
  readonly device: string;
  /** OpenVINO's properties by name; the others are chosen by measurement. */
  readonly pluginConfig: ReadonlyMap<string, string>;
  /** How many infer requests run at once; undefined for OpenVINO's optimal number. */
  readonly inferRequestCount: number | undefined;
  /** Replaces the model's own shapes. */
  readonly shape: ShapeSpec | undefined;
  /** Undefined if `shape` is given, which includes it. */
  readonly batchSize: BatchSize | undefined;
  /** The type that floats are computed with; undefined for the server's. */
  readonly inferencePrecision?: InferencePrecision | undefined;
  /** The tags of a SavedModel's graph; undefined for the server's. */
  readonly savedModelTags?: readonly string[] | undefined;
}

/** A model to serve. */
export interface ModelConfig extends LoadConfig {
  /** The name clients use. */
  readonly name: string;
  /** The folder of version folders. */
  readonly basePath: string;
  readonly versionPolicy: VersionPolicy;
  /** Version numbers by label, for requests that name a label. */
  readonly versionLabels: ReadonlyMap<string, number>;
  /** `model_platform` of a model configured as in TensorFlow Serving: it must not change. */
  readonly platform: string | undefined;
}
