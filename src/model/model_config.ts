/**
 * What can be said of a model to serve: where it lies, which versions, how it is to be loaded. Types only.
 *
 * @module
 */
import type { VersionPolicy } from "../core/version_policy.ts";
import type { BatchSize, ShapeSpec } from "./loading/reshape.ts";

/** How a model is compiled. A change of any of it loads a served version anew, beside itself. */
export interface LoadConfig {
  /** OpenVINO's name of the device to compile for: `CPU`, `GPU.0`, `AUTO`. */
  readonly device: string;
  /** OpenVINO's properties by name; what is not said here is chosen by measurement. */
  readonly pluginConfig: ReadonlyMap<string, string>;
  /** Infer requests at work at once; undefined for OpenVINO's optimal number. */
  readonly inferRequestCount: number | undefined;
  /** Shapes in place of the model's own. */
  readonly shape: ShapeSpec | undefined;
  /** Undefined wherever `shape` is given, which says it too. */
  readonly batchSize: BatchSize | undefined;
}

/** A model to serve. */
export interface ModelConfig extends LoadConfig {
  /** The name clients use. */
  readonly name: string;
  /** The folder of version folders. */
  readonly basePath: string;
  readonly versionPolicy: VersionPolicy;
  /** Names for versions, for requests to ask by. */
  readonly versionLabels: ReadonlyMap<string, number>;
  /** `model_platform` where the model was configured as TensorFlow Serving's are: it must not change. */
  readonly platform: string | undefined;
}
