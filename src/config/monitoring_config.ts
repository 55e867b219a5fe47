/**
 * Reads `MonitoringConfig` in text format, as `--monitoring_config_file` holds it
 * (tensorflow_serving/config/monitoring_config.proto).
 *
 * @module
 */
import { ConfigError } from "../base/config_error.ts";
import { booleanOf, Fields, stringOf } from "../protobuf/text_fields.ts";
import { parseTextProto } from "../protobuf/text_proto.ts";
import { readConfigFile } from "./config_file.ts";

/** Whether and where metrics are exposed. */
export interface MonitoringConfig {
  readonly isEnabled: boolean;
  /** A path that begins with a slash; undefined for the default path. */
  readonly path: string | undefined;
}

/**
 * Reads a MonitoringConfig. As in TensorFlow Serving, metrics are exposed only if the text enables them.
 *
 * @throws {ConfigError} with the place of what cannot be read.
 */
export function parseMonitoringConfig(text: string): MonitoringConfig {
  const config = new Fields("MonitoringConfig", parseTextProto(text), ["prometheus_config"]);
  const prometheus = config.message("prometheus_config", ["enable", "path"]);
  const field = prometheus?.one("path");
  const path = stringOf(field);
  if (path !== "" && !/^\/[^?#\s]*$/.test(path)) {
    throw new ConfigError(`expected a path that begins with a slash, found ${JSON.stringify(path)}`, field?.place);
  }
  return { isEnabled: booleanOf(prometheus, "enable"), path: path === "" ? undefined : path };
}

/**
 * Reads a file with a MonitoringConfig.
 *
 * @throws {ConfigFileError} if it cannot be used.
 */
export function readMonitoringConfig(path: string): Promise<MonitoringConfig> {
  return readConfigFile(path, parseMonitoringConfig);
}
