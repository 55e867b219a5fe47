/**
 * Watches the files of one version until they have settled. Knows neither the other versions nor the policy.
 *
 * @module
 */
import type { ServingError } from "../../base/status.ts";
import { type FolderScan, scanFolder } from "./folder_scan.ts";
import { accessError, type Completeness, findModelFiles, judgeCompleteness, VERSION_FOLDER } from "./model_files.ts";
import type { SourceVersion } from "./source.ts";

/** After this many looks without a change, incomplete files are not expected to change any more. */
const QUIET_LOOKS_MAX = 5;

/** One look at a version. */
export interface LookOptions {
  readonly folder: string;
  /**
   * Set for a version that existed when watching started. It need not be seen unchanged first, unless it was written after this moment
   * (milliseconds since 1970) and its completeness is unknown.
   */
  readonly wroteBeforeMs: number | undefined;
  /** Whether there is no later look, so that the version settles as it is. */
  readonly isOnly: boolean;
}

/** A change that a look found and that operators may want to know. */
export type VersionNews = { readonly kind: "changed" } | { readonly kind: "incomplete"; readonly error: ServingError };

/** The state of the folder at one look, readable or not. */
interface Sight {
  readonly fingerprint: string;
  readonly modifiedMs: number;
  judge(): Promise<Completeness>;
}

/** The files of one version, over all looks. */
export class VersionWatch {
  readonly version: number;
  /** The files as they last settled; undefined until they first settle. */
  files: SourceVersion | undefined;
  /** Whether the folder existed at the last look. */
  isThere = false;
  /** Whether the files are unchanged since they settled, so that they need a look only now and then. */
  isQuiet = false;
  #seen: string | undefined;
  #quietLooks = 0;
  #completeness: Completeness | undefined;

  constructor(version: number) {
    this.version = version;
  }

  /** Looks at the folder. */
  async look(options: LookOptions): Promise<VersionNews | undefined> {
    const sight = await this.#see(options.folder);
    if (sight === undefined) return undefined;
    if (sight.fingerprint === this.#seen) {
      this.#quietLooks++;
    } else {
      this.#seen = sight.fingerprint;
      this.#quietLooks = 0;
      this.#completeness = undefined;
      this.isQuiet = false;
    }
    if (this.isQuiet) return undefined;
    this.#completeness ??= await sight.judge();
    return this.#hasSettled(sight, options) ? this.#settle(options.folder, sight) : undefined;
  }

  /** Returns undefined without a folder, or when a version that had settled cannot be read: nothing changes then. */
  async #see(folder: string): Promise<Sight | undefined> {
    try {
      const scan: FolderScan = await scanFolder(folder);
      this.isThere = true;
      return { ...scan, judge: () => judgeCompleteness(scan) };
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory) {
        this.isThere = false;
        return undefined;
      }
      this.isThere = true;
      if (this.files !== undefined) return undefined;
      const error = accessError({ path: folder, name: VERSION_FOLDER }, thrown);
      return { fingerprint: error.message, modifiedMs: 0, judge: () => Promise.resolve({ kind: "incomplete", error }) };
    }
  }

  #hasSettled(sight: Sight, { wroteBeforeMs, isOnly }: LookOptions): boolean {
    if (isOnly) return true;
    switch (this.#completeness?.kind) {
      case "whole":
        return wroteBeforeMs !== undefined || this.#quietLooks > 0;
      case "unknown":
        return this.#quietLooks > 0 || (wroteBeforeMs !== undefined && sight.modifiedMs < wroteBeforeMs);
      default:
        return this.#quietLooks >= QUIET_LOOKS_MAX;
    }
  }

  #settle(folder: string, { fingerprint }: Sight): VersionNews | undefined {
    const before = this.files;
    const { version } = this;
    this.files = { version, origin: folder, fingerprint, findFiles: () => findModelFiles(folder) };
    this.isQuiet = true;
    if (this.#completeness?.kind === "incomplete") return { kind: "incomplete", error: this.#completeness.error };
    return before !== undefined && before.fingerprint !== fingerprint ? { kind: "changed" } : undefined;
  }
}
