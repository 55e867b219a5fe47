/**
 * Everything the program can be told, in one frozen value: what to serve, where, and within which limits. Flags and files are
 * turned into it in this folder; the layers below get the parts that are theirs.
 *
 * @module
 */
import type { LogLevel } from "../base/log.ts";
import type { VersionPolicy } from "../core/version_policy.ts";

/** A model to serve. */
export interface ModelConfig {
  /** The name clients use. */
  readonly name: string;
  /** The folder of version folders. */
  readonly basePath: string;
  readonly versionPolicy: VersionPolicy;
  /** OpenVINO's name of the device to compile for: `CPU`, `GPU.0`, `AUTO`. */
  readonly device: string;
  /** OpenVINO's properties by name; what is not said here is chosen by measurement. */
  readonly pluginConfig: ReadonlyMap<string, string>;
  /** Infer requests at work at once; undefined for OpenVINO's optimal number. */
  readonly inferRequestCount: number | undefined;
}

/** Where gRPC is served. */
export interface GrpcConfig {
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly messageBytesMax: number;
  readonly connectionsMax: number;
  /** What large messages may take of memory together. */
  readonly inflightBytesMax: number;
}

/** Everything the program can be told. */
export interface Config {
  readonly models: readonly ModelConfig[];
  readonly grpc: GrpcConfig;
  readonly pollIntervalMs: number;
  /** Requests that may wait for one model. */
  readonly waitersMax: number;
  readonly shutdownGraceMs: number;
  /** A folder with OpenVINO's libraries, to be used before all others. */
  readonly openvinoDir: string | undefined;
  readonly log: { readonly level: LogLevel; readonly format: "json" | "text" };
}
