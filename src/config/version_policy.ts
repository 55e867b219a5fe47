/**
 * Version policies in the JSON of ie_serving and model_server, for flags and configuration files.
 *
 * @module
 */
import type { VersionPolicy } from "../core/version_policy.ts";

/** Reads `{"latest": {"num_versions": 2}}`, `{"specific": {"versions": [1, 3]}}` or `{"all": {}}`. */
export function parseVersionPolicy(text: string): VersionPolicy {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`expected a version policy in JSON, found "${text}"`);
  }
  return versionPolicyOf(value);
}

/** Reads a version policy from parsed JSON. Errors say what was expected. */
export function versionPolicyOf(value: unknown): VersionPolicy {
  const [kind, ...others] = isObject(value) ? Object.keys(value) : [];
  const options = isObject(value) && kind !== undefined ? value[kind] : undefined;
  if (others.length > 0 || !isObject(options)) {
    throw new Error(
      `expected one of {"latest": {…}}, {"specific": {…}} and {"all": {}}, found ${JSON.stringify(value)}`,
    );
  }
  switch (kind) {
    case "all":
      rejectOthers(options, kind, []);
      return { kind: "all" };
    case "latest": {
      rejectOthers(options, kind, ["num_versions"]);
      const { num_versions: count = 1 } = options;
      if (!isWhole(count) || count < 1) {
        throw new Error(`expected a "num_versions" of at least 1, found ${JSON.stringify(count)}`);
      }
      return { kind: "latest", count };
    }
    case "specific": {
      rejectOthers(options, kind, ["versions"]);
      const { versions } = options;
      if (!Array.isArray(versions) || versions.length === 0 || !versions.every(isWhole)) {
        throw new Error(`expected a list of whole numbers in "versions", found ${JSON.stringify(versions)}`);
      }
      return { kind: "specific", versions };
    }
    default:
      throw new Error(`expected the version policy latest, specific or all, found "${kind}"`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function rejectOthers(options: Record<string, unknown>, kind: string, known: readonly string[]): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new Error(`"${unknown}" is not known in the version policy "${kind}"`);
}
