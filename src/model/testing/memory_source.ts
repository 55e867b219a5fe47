/**
 * A source of models without base paths, for tests: versions are what a test adds, and their files are written when one is loaded.
 *
 * @module
 */
import { aspiredVersions } from "../../core/version_policy.ts";
import type { FakeModelFile } from "../../engine/testing/fake_engine.ts";
import type { ModelSource, SourceListener, SourceModel, SourceVersion } from "../source/source.ts";
import { VersionFolder } from "./loading.ts";

/** Versions in memory. Base paths are names in it. */
export class MemorySource implements ModelSource {
  readonly #versions = new Map<string, Map<number, FakeModelFile>>();
  readonly #folders = new DisposableStack();
  #listener: SourceListener | undefined;
  #models: readonly SourceModel[] = [];

  /** The factory that a catalog takes. It opens this source once. */
  readonly open = (listener: SourceListener): ModelSource => {
    this.#listener = listener;
    return this;
  };

  /** Adds a version, or replaces its files, and reports the models that have it. */
  add(basePath: string, version: number, file: FakeModelFile): void {
    const versions = this.#versions.get(basePath) ?? new Map<number, FakeModelFile>();
    this.#versions.set(basePath, versions.set(version, file));
    for (const model of this.#models) if (model.basePath === basePath) this.#report(model);
  }

  setModels(models: readonly SourceModel[]): Promise<void> {
    const names = new Set(models.map(({ name }) => name));
    for (const { name } of this.#models) if (!names.has(name)) this.#listener?.onAspired(name, new Map());
    const before = new Map(this.#models.map((model) => [model.name, keyOf(model)]));
    this.#models = models;
    for (const model of models) if (before.get(model.name) !== keyOf(model)) this.#report(model);
    return Promise.resolve();
  }

  wantedVersions({ basePath, versionPolicy }: SourceModel): Promise<readonly number[]> {
    return Promise.resolve(aspiredVersions(this.#versions.get(basePath)?.keys() ?? [], versionPolicy));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#folders.dispose();
    return Promise.resolve();
  }

  #report({ name, basePath, versionPolicy }: SourceModel): void {
    const versions = this.#versions.get(basePath);
    if (versions === undefined) {
      const reason = `Cannot find ${basePath}`;
      const publicReason = "Cannot find the base path";
      return this.#listener?.onEvent({ kind: "base path unreadable", name, reason, publicReason });
    }
    const wanted = aspiredVersions(versions.keys(), versionPolicy).map((version) =>
      [version, this.#versionOf(`${basePath}/${version}`, { version, file: versions.get(version) })] as const
    );
    this.#listener?.onAspired(name, new Map(wanted));
  }

  #versionOf(origin: string, { version, file }: { version: number; file: FakeModelFile | undefined }): SourceVersion {
    return {
      version,
      origin,
      fingerprint: JSON.stringify(file),
      findFiles: () => Promise.resolve(this.#folders.use(new VersionFolder()).writeModel(file ?? {})),
    };
  }
}

/** Two models with the same key have the same versions. */
function keyOf({ basePath, versionPolicy }: SourceModel): string {
  return JSON.stringify([basePath, versionPolicy]);
}
