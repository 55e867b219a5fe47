/**
 * Version labels: names that requests may use in place of a version number, and the rule for what a label may stand for.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";

/** The labels of one name: version numbers by label. */
export type Labels = ReadonlyMap<string, number>;

/** What labels depend on. */
export interface VersionLabelsOptions {
  /** Whether a version answers requests now. */
  readonly isAvailable: (name: string, version: number) => boolean;
  /** Lets a new label stand for a version that is not available (`--allow_version_labels_for_unavailable_models`). */
  readonly allowUnavailable: boolean;
  /** Called after the labels of a name were set. Must not throw. */
  readonly onChange: (name: string, labels: Labels) => void;
}

/** The labels of all names. They stay when the versions of a name go. */
export class VersionLabels {
  readonly #options: VersionLabelsOptions;
  readonly #labels = new Map<string, Labels>();

  constructor(options: VersionLabelsOptions) {
    this.#options = options;
  }

  /**
   * Returns the version that a label stands for, available or not.
   *
   * @throws {ServingError} INVALID_ARGUMENT for an unknown label.
   */
  versionOf(name: string, label: string): number {
    const version = this.#labels.get(name)?.get(label);
    if (version === undefined) {
      throw new ServingError(CODE.INVALID_ARGUMENT, `Unrecognized servable version label: ${label}`);
    }
    return version;
  }

  /**
   * Whether a label may stand for a version: one that is available, or, where that is allowed, any as long as the label does not move.
   * Source: `UpdateModelVersionLabelMap` in tensorflow_serving/model_servers/server_core.cc.
   */
  isAssignable(name: string, label: string, version: number): boolean {
    if (this.#options.isAvailable(name, version)) return true;
    return this.#options.allowUnavailable && (this.#labels.get(name)?.get(label) ?? version) === version;
  }

  /**
   * Replaces the labels of one name.
   *
   * @throws {ServingError} FAILED_PRECONDITION for a label that is not assignable; nothing has changed then.
   */
  set(name: string, labels: Labels): void {
    this.#check(name, labels);
    this.#assign(name, labels);
  }

  /**
   * Replaces the labels of all names.
   *
   * @throws {ServingError} FAILED_PRECONDITION for a label that is not assignable; nothing has changed then.
   */
  replace(all: ReadonlyMap<string, Labels>): void {
    for (const [name, labels] of all) this.#check(name, labels);
    for (const name of this.#labels.keys()) {
      if (!all.has(name)) this.#assign(name, new Map());
    }
    for (const [name, labels] of all) this.#assign(name, labels);
  }

  #check(name: string, labels: Labels): void {
    for (const [label, version] of labels) {
      if (!this.isAssignable(name, label, version)) throw labelError(name, version);
    }
  }

  #assign(name: string, labels: Labels): void {
    if (labels.size === 0) this.#labels.delete(name);
    else this.#labels.set(name, new Map(labels));
    this.#options.onChange(name, labels);
  }
}

/** The error for a label whose version is not available, in the words of tensorflow_serving/model_servers/server_core.cc. */
export function labelError(name: string, version: number): ServingError {
  return new ServingError(
    CODE.FAILED_PRECONDITION,
    `Request to assign label to version ${version} of model ${name}, which is not currently available for inference`,
  );
}
