/**
 * The words of the lifecycle: what a servable is called, how it is loaded, which states it goes through, how it is lent.
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
 * `start` wished for and not begun, `loading`, `available` lent to requests, `unloading` lent no more, `end` gone or failed.
 * `available` is reported after it is true and `unloading` before it is.
 */
export type StateName = "start" | "loading" | "available" | "unloading" | "end";

/** What can be told of a version. Never changes: a new state is a new object. */
export interface ServableState {
  readonly id: ServableId;
  readonly state: StateName;
  /** Where it is, or was to be, loaded from, as its loader calls it; undefined where that says nothing. */
  readonly origin: string | undefined;
  /**
   * Why it failed: to load (`end`), to be freed (`end`), or to be replaced by what is configured now (`available`: the
   * version that was loaded before still serves).
   */
  readonly error: ServingError | undefined;
  /** Whether it is `available` and what it was loaded from has changed since, for which alone it is not loaded again. */
  readonly isOutdated: boolean;
}

/** How to make one version's servable. */
export interface Loader<T> {
  /**
   * Stands for what would be loaded: when it changes, a version that failed is tried again at once, and one that serves goes on as
   * it is and is called outdated.
   */
  readonly fingerprint: string;
  /**
   * Stands for how it would be loaded. When it changes, a version that serves is loaded anew beside itself and replaced.
   * Left out, it never changes.
   */
  readonly revision?: string;
  /** Where it is loaded from, for those who watch: a path. */
  readonly origin?: string;
  /** Makes the servable, which then belongs to the manager; runs off the loop what takes long. Its failures are kept and shown. */
  load(): Promise<T>;
}

/** Which servable is wanted: the version, else the one the label stands for, else the latest that is available. */
export interface ServableRequest {
  readonly name: string;
  readonly version?: number | bigint;
  readonly versionLabel?: string;
}

/**
 * A lent servable, which stays loaded until the handle is disposed: hold it for one request only. All handles of a version are
 * one object, so lending allocates nothing; each `acquire` must be followed by exactly one disposal.
 */
export interface ServableHandle<T> extends Disposable {
  readonly id: ServableId;
  readonly servable: T;
}
