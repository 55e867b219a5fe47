/**
 * Watches the files of one version and says when they have settled. Which versions there are and which of them are wanted is for
 * others to say.
 *
 * @module
 */
import type { ServingError } from "../../base/status.ts";
import { type FolderScan, scanFolder } from "./folder_scan.ts";
import { accessError, type Completeness, findModelFiles, judgeCompleteness, VERSION_FOLDER } from "./model_files.ts";
import type { SourceVersion } from "./source.ts";

/** After so many looks with the same result, files that are not whole are taken for what they will stay. */
const QUIET_LOOKS_MAX = 5;

/** How to look. */
export interface LookOptions {
  readonly folder: string;
  /**
   * Set for what was there already when the watching began: it need not be seen quiet first, unless it was written to after
   * this moment (milliseconds since 1970) and cannot be told to be whole.
   */
  readonly wroteBeforeMs: number | undefined;
  /** Whether nobody will look again, so that whatever is there must do. */
  readonly isOnly: boolean;
}

/** What a look brought to light that people may want to know. */
export type VersionNews = { readonly kind: "changed" } | { readonly kind: "incomplete"; readonly error: ServingError };

/** What was seen, whether it could be read or not. */
interface Sight {
  readonly fingerprint: string;
  readonly modifiedMs: number;
  judge(): Promise<Completeness>;
}

/** The files of one version, look by look. */
export class VersionWatch {
  readonly version: number;
  /** The files as they were when they settled last; undefined until they have settled for the first time. */
  files: SourceVersion | undefined;
  /** Whether the folder was there at the last look. */
  isThere = false;
  /** Whether the files are still as they settled, so that it is enough to look now and then. */
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

  /** Undefined when there is no folder, or when one that had settled cannot be read: nothing changes then. */
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
