/**
 * A source of models: finds the versions of each model, decides which of them should be served, and has their files at hand when
 * one is loaded. Types only.
 *
 * @module
 */
import type { ModelConfig } from "../model_config.ts";
import type { ModelFiles } from "./model_files.ts";

/** What a source needs to know about a model. */
export type SourceModel = Pick<ModelConfig, "name" | "basePath" | "versionPolicy">;

/** A version that can be loaded. */
export interface SourceVersion {
  readonly version: number;
  /** Where it lies, for the log and for states: a folder's path. */
  readonly origin: string;
  /** Changes with the files, each time they have settled again. */
  readonly fingerprint: string;
  /**
   * Returns its files, on this machine and complete. They are looked for when the version is loaded, so that its state shows what is
   * wrong with them.
   *
   * @throws {ServingError} NOT_FOUND, INVALID_ARGUMENT, DATA_LOSS, PERMISSION_DENIED or UNAVAILABLE with the reason.
   */
  findFiles(): Promise<ModelFiles>;
}

/**
 * Something an operator may want to know, reported once when it happens:
 * - `base path unreadable`: versions stay as they are; `base path readable`: it is over.
 * - `versions missing`: there is none, or not all that the policy names.
 * - `folder ignored`: its name is a number that cannot be a version.
 * - `version incomplete`: its files are not complete and do not change; it is loaded all the same, and its state has the error.
 * - `version files changed`: after they had settled. A version that serves is not loaded again, one that failed is.
 */
export interface SourceEvent {
  readonly kind:
    | "base path unreadable"
    | "base path readable"
    | "versions missing"
    | "folder ignored"
    | "version incomplete"
    | "version files changed";
  readonly name: string;
  readonly version?: number;
  /** For the log. */
  readonly reason?: string;
  /** The same for clients, without paths, where it keeps the model from having versions. */
  readonly publicReason?: string;
}

/** Receives what a source finds. Its functions must not throw. */
export interface SourceListener {
  /**
   * Gets the whole set of versions that should be served, each time a model was looked at; empty for a model that was removed. A source
   * that cannot read a model's versions reports an event instead, and nothing changes.
   */
  onAspired(name: string, versions: ReadonlyMap<number, SourceVersion>): void;
  onEvent(event: SourceEvent): void;
}

/** Finds the versions of any number of models. Disposing it ends that; nothing is unloaded by it. */
export interface ModelSource extends AsyncDisposable {
  /**
   * Replaces the set of models. Those that are new, or have another base path or policy, are looked at now; the others continue
   * undisturbed. Resolves when each of the former is decided: its versions were reported, or cannot be.
   */
  setModels(models: readonly SourceModel[]): Promise<void>;
  /**
   * Returns the versions that the policy of a model chooses among those that exist now, complete or not, whether the model is in the
   * set or not; none where they cannot be read.
   */
  wantedVersions(model: SourceModel): Promise<readonly number[]>;
}
