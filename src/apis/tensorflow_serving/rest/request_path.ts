/**
 * Paths as tensorflow_model_server reads them (tensorflow_serving/model_servers/http_rest_api_util.cc, `ParseModelInfo`).
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";

/** Which model a path names, and which version of it. */
export interface ModelPath {
  /** Undefined where a path may leave it out and does. */
  readonly name: string | undefined;
  readonly version?: number | bigint;
  readonly versionLabel?: string;
  /** What stands behind: `predict`, `metadata`; undefined for nothing. */
  readonly suffix: string | undefined;
}

const CALL_REGEXP = /^\/v1\/models\/([^/:]+)(?:\/versions\/([0-9]+)|\/labels\/([^/:]+))?:(classify|regress|predict)$/i;
const ABOUT_REGEXP = /^\/v1\/models(?:\/([^/:]+))?(?:\/versions\/([0-9]+)|\/labels\/([^/:]+))?(?:\/(metadata))?$/i;

const INT64_MAX = 2n ** 63n - 1n;

/** The path of a URL as it was sent, neither decoded nor made shorter. */
export function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return "/";
  const end = url.slice(start).search(/[?#]/);
  return end < 0 ? url.slice(start) : url.slice(start, start + end);
}

/**
 * Reads the path of a call: `/v1/models/NAME[/versions/N|/labels/L]:predict`. Undefined for any other.
 *
 * @throws {ServingError} INVALID_ARGUMENT for a version past 64 bits.
 */
export function parseCallPath(path: string): ModelPath | undefined {
  return modelPathOf(CALL_REGEXP.exec(path));
}

/**
 * Reads the path of a question about models: `/v1/models[/NAME][/versions/N|/labels/L][/metadata]`. Undefined for any other.
 *
 * @throws {ServingError} INVALID_ARGUMENT for a version past 64 bits.
 */
export function parseAboutPath(path: string): ModelPath | undefined {
  return modelPathOf(ABOUT_REGEXP.exec(path));
}

function modelPathOf(match: RegExpExecArray | null): ModelPath | undefined {
  if (match === null) return undefined;
  const [, name, version, label, suffix] = match;
  return {
    name: name === undefined ? undefined : percentDecode(name),
    ...(version === undefined ? {} : { version: versionOf(version) }),
    ...(label === undefined ? {} : { versionLabel: percentDecode(label) }),
    suffix,
  };
}

function versionOf(digits: string): number | bigint {
  const version = BigInt(digits);
  if (version > INT64_MAX) {
    throw new ServingError(CODE.INVALID_ARGUMENT, `Failed to convert version: ${digits} to numeric.`);
  }
  return version <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(version) : version;
}

/** Undoes `%2F` and the like; what only looks like it stays as it is. */
export function percentDecode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    const bytes = run.slice(1).split("%").map((digits) => parseInt(digits, 16));
    return new TextDecoder().decode(Uint8Array.from(bytes));
  });
}
