/**
 * The terms of the lifecycle: a servable's id, its loader, its states, and the handle by which it is lent.
 *
 * @module
 */
import type { ServingError } from "../base/status.ts";

/** One version of one name. */
export interface ServableId {
  readonly name: string;
  /** A safe integer, not negative. */
  readonly version: number;
}

/**
 * The states of a version, in order, with the numbers and meanings of `ModelVersionStatus.State`
 * (tensorflow_serving/apis/get_model_status.proto):
 * `start` aspired but not started, `loading`, `available` lent to requests, `unloading` no longer lent, `end` gone or failed.
 * `available` is reported after it takes effect, `unloading` before.
 */
export type StateName = "start" | "loading" | "available" | "unloading" | "end";

/** The state of a version at one moment. Immutable. */
export interface ServableState {
  readonly id: ServableId;
  readonly state: StateName;
  /** The origin of its loader; undefined if the loader has none. */
  readonly origin: string | undefined;
  /**
   * The error if loading or freeing failed (`end`), or if the replacement for a changed configuration failed (`available`: the
   * version loaded before still serves).
   */
  readonly error: ServingError | undefined;
  /** Whether it is `available` although its files have changed since it was loaded; it is not loaded again for that alone. */
  readonly isOutdated: boolean;
}

/** Makes the servable of one version. */
export interface Loader<T> {
  /**
   * Identifies the files that would be loaded. When it changes, a version that failed is retried at once, and one that serves
   * continues and counts as outdated.
   */
  readonly fingerprint: string;
  /**
   * Identifies the options it would be loaded with. When it changes, a version that serves is loaded again beside itself and
   * replaced. Without one it never changes.
   */
  readonly revision?: string;
  /** Where it is loaded from, for observers: a path. */
  readonly origin?: string;
  /** Makes the servable, which then belongs to the manager; long work must run off the event loop. What it throws becomes the state's error. */
  load(): Promise<T>;
}

/** The servable a request asks for: by version, else by label, else the latest that is available. */
export interface ServableRequest {
  readonly name: string;
  readonly version?: number | bigint;
  readonly versionLabel?: string;
}

/**
 * A lent servable, which stays loaded until the handle is disposed; hold it for one request only. All handles of a version are
 * one object, so lending allocates nothing. Each `acquire` must be followed by exactly one disposal.
 */
export interface ServableHandle<T> extends Disposable {
  readonly id: ServableId;
  readonly servable: T;
}
