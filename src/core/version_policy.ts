/**
 * Decisions about versions, as pure functions: which ones should be loaded, and the next step towards that.
 *
 * @module
 */
import type { StateName } from "./servable.ts";

/** Which of the existing versions should be loaded. */
export type VersionPolicy =
  | { readonly kind: "latest"; /** How many, at least 1. */ readonly count: number }
  | { readonly kind: "all" }
  | { readonly kind: "specific"; readonly versions: readonly number[] };

/** The policy of a model without a configured one (`latest { num_versions: 1 }`). */
export const DEFAULT_VERSION_POLICY: VersionPolicy = { kind: "latest", count: 1 };

/** Returns the versions among `found` that should be loaded, each once, the newest first. */
export function aspiredVersions(found: Iterable<number>, policy: VersionPolicy): number[] {
  const versions = [...new Set(found)].sort((a, b) => b - a);
  switch (policy.kind) {
    case "latest":
      return versions.slice(0, policy.count);
    case "all":
      return versions;
    case "specific":
      return versions.filter((version) => policy.versions.includes(version));
  }
}

/** What {@link nextAction} needs to know. A version may have two: the one that serves and its replacement. */
export interface VersionSnapshot {
  readonly version: number;
  readonly state: StateName;
  readonly isAspired: boolean;
}

/** One step towards the aspired versions. */
export interface NextAction<S extends VersionSnapshot> {
  readonly kind: "load" | "unload";
  readonly snapshot: S;
}

/**
 * Returns the next step for the versions of one name, or undefined when there is none. Keeps the name available, as
 * tensorflow_serving/core/availability_preserving_policy.cc does: a version that is not aspired is unloaded, the lowest first, only
 * when an aspired version is available, no version is aspired, or another version is available besides. Unloading comes before
 * loading; the highest version is loaded first.
 *
 * A version that waits for its replacement is kept whatever else is available, because requests may name it.
 */
export function nextAction<S extends VersionSnapshot>(snapshots: readonly S[]): NextAction<S> | undefined {
  let aspired = 0;
  let aspiredAvailable = 0;
  let leaving = 0;
  let toLoad: S | undefined;
  for (const snapshot of snapshots) {
    if (snapshot.isAspired) {
      aspired++;
      if (snapshot.state === "available") aspiredAvailable++;
      else if (snapshot.state === "start" && snapshot.version > (toLoad?.version ?? -1)) toLoad = snapshot;
    } else if (snapshot.state === "available") {
      leaving++;
    }
  }
  if (leaving > 1 || (leaving === 1 && (aspired === 0 || aspiredAvailable > 0))) {
    const toUnload = lowestLeaving(snapshots);
    if (toUnload !== undefined) return { kind: "unload", snapshot: toUnload };
  }
  return toLoad && { kind: "load", snapshot: toLoad };
}

function lowestLeaving<S extends VersionSnapshot>(snapshots: readonly S[]): S | undefined {
  let lowest: S | undefined;
  for (const snapshot of snapshots) {
    if (snapshot.isAspired || snapshot.state !== "available") continue;
    if (lowest !== undefined && lowest.version <= snapshot.version) continue;
    if (!awaitsReplacement(snapshot, snapshots)) lowest = snapshot;
  }
  return lowest;
}

function awaitsReplacement(leaving: VersionSnapshot, snapshots: readonly VersionSnapshot[]): boolean {
  return snapshots.some((other) => other.isAspired && other.version === leaving.version && other.state !== "available");
}
