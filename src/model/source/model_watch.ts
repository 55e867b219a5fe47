/**
 * Watches the base path of one model: which versions it has, which of them have settled, and which the policy wants.
 *
 * @module
 */
import { basename } from "node:path";
import type { ServingError } from "../../base/status.ts";
import { aspiredVersions } from "../../core/version_policy.ts";
import { accessError } from "./model_files.ts";
import type { SourceEvent, SourceModel, SourceVersion } from "./source.ts";
import { VersionWatch } from "./version_watch.ts";

/** A sentence for the log and the same for clients. */
interface Reason {
  readonly reason: string;
  readonly publicReason: string;
}

/** The name of a base path in errors for clients. */
const BASE_PATH = "base path";

/** A folder that changed less than this ago may change again without a new modification time. */
const TIME_GRAIN_MAX_MS = 3_000;

/** One look at a model. */
export interface ModelLookOptions {
  /** Whether to list the base path even if its modification time has not changed: not all file systems maintain it. */
  readonly isDue: boolean;
  /** The quiet versions to look at; other quiet versions are skipped. */
  readonly dueVersions: ReadonlySet<VersionWatch>;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Files of a new model that were written before this moment, in milliseconds since 1970, are trusted at once. */
  readonly wroteBeforeMs: number;
  /** Whether there is no later look. */
  readonly isOnly: boolean;
}

/** The base path of one model, over all looks. */
export class ModelWatch {
  model: SourceModel;
  /** Resolved by the owner when its versions are known. */
  readonly decided = Promise.withResolvers<void>();
  readonly #onEvent: (event: SourceEvent) => void;
  readonly #versions = new Map<number, VersionWatch>();
  #isFirst = true;
  /** The facts of the base path when it was last listed, and its version folders then. */
  #stamp: string | undefined;
  #folders: ReadonlyMap<number, string> = new Map();
  /** The file system of the version folders. */
  #device: number | undefined;
  /** What was last reported, to report it once. */
  #unreadable: string | undefined;
  #missing: string | undefined;
  #ignored: ReadonlyMap<string, string> = new Map();

  constructor(model: SourceModel, onEvent: (event: SourceEvent) => void) {
    this.model = model;
    this.#onEvent = onEvent;
  }

  /** Whether a version still has to settle. */
  get hasUnsettled(): boolean {
    return this.#unreadable === undefined &&
      [...this.#versions.values()].some((watch) => watch.isThere && watch.files === undefined);
  }

  /** The wanted versions that need a look only now and then. */
  get quietVersions(): VersionWatch[] {
    const quiet = [...this.#versions.values()].filter((watch) => watch.isQuiet && watch.isThere);
    const wanted = new Set(aspiredVersions(quiet.map((watch) => watch.version), this.model.versionPolicy));
    return quiet.filter((watch) => wanted.has(watch.version));
  }

  /**
   * Looks at the base path and at each version that has not settled.
   *
   * @returns the versions that should be served; undefined when that is unknown and nothing should change.
   */
  async look(options: ModelLookOptions): Promise<ReadonlyMap<number, SourceVersion> | undefined> {
    const folders = await this.#list(options);
    if (folders === undefined) return undefined;
    for (const version of this.#versions.keys()) {
      if (!folders.has(version)) this.#versions.delete(version);
    }
    for (const [version, folder] of folders) {
      const watch = this.#versions.get(version) ?? new VersionWatch(version);
      this.#versions.set(version, watch);
      const isKnown = watch.isQuiet && watch.isThere && watch.files?.origin === folder;
      if (!isKnown || options.dueVersions.has(watch)) await this.#lookAt(watch, { ...options, folder });
    }
    if (await this.#hasMoved(folders)) return undefined;
    this.#isFirst = false;
    return this.#aspired();
  }

  /**
   * Whether the base path was moved or its link changed during the look: listed versions are gone, and no longer listed. The next look
   * sees the new state.
   */
  async #hasMoved(folders: ReadonlyMap<number, string>): Promise<boolean> {
    const gone = [...folders].filter(([version]) => this.#versions.get(version)?.isThere === false);
    if (gone.length === 0) return false;
    const names = await listVersionFolders(this.model.basePath).catch((): string[] => []);
    const hasMoved = gone.some(([, folder]) => !names.includes(basename(folder)));
    if (hasMoved) this.#stamp = undefined;
    return hasMoved;
  }

  async #lookAt(watch: VersionWatch, options: ModelLookOptions & { folder: string }): Promise<void> {
    const news = await watch.look({
      folder: options.folder,
      wroteBeforeMs: this.#isFirst ? options.wroteBeforeMs : undefined,
      isOnly: options.isOnly,
    });
    if (news === undefined) return;
    const { version } = watch;
    if (news.kind === "changed") this.#report({ kind: "version files changed", version, reason: options.folder });
    else this.#report({ kind: "version incomplete", version, ...reasonOf(news.error) });
  }

  #aspired(): ReadonlyMap<number, SourceVersion> | undefined {
    const there = [...this.#versions.values()].filter((watch) => watch.isThere);
    const settled = new Map(there.flatMap(({ version, files }) => files === undefined ? [] : [[version, files]]));
    const wanted = aspiredVersions(there.map((watch) => watch.version), this.model.versionPolicy);
    this.#reportMissing(wanted);
    const aspired = new Map<number, SourceVersion>();
    for (const version of aspiredVersions(settled.keys(), this.model.versionPolicy)) {
      const files = settled.get(version);
      if (files !== undefined) aspired.set(version, files);
    }
    // An empty set would unload the serving version while its replacement is still being copied.
    return aspired.size === 0 && wanted.length > 0 ? undefined : aspired;
  }

  /** The folder of each version; undefined when the base path cannot be read. */
  async #list({ isDue, nowMs }: ModelLookOptions): Promise<ReadonlyMap<number, string> | undefined> {
    const { basePath } = this.model;
    try {
      const { dev, ino, mode, mtime } = await Deno.stat(basePath);
      const modifiedMs = mtime?.getTime() ?? nowMs;
      const stamp = `${dev} ${ino} ${mode} ${modifiedMs}`;
      if (!isDue && stamp === this.#stamp && this.#unreadable === undefined) return this.#folders;
      const folders = this.#index(await listVersionFolders(basePath));
      // An empty mount point remains of a base path whose file system was unmounted.
      if (folders.size === 0 && this.#device !== undefined && this.#device !== dev) {
        this.#reportUnreadable(
          reasonWith(basePath, (it) => `${it} is empty and on another file system than its versions were`),
        );
        return undefined;
      }
      this.#reportUnreadable(undefined);
      if (folders.size > 0) this.#device = dev;
      this.#stamp = nowMs - modifiedMs > TIME_GRAIN_MAX_MS ? stamp : undefined;
      return this.#folders = folders;
    } catch (thrown) {
      this.#reportUnreadable(reasonOf(accessError({ path: basePath, name: `the ${BASE_PATH}` }, thrown)));
      return undefined;
    }
  }

  /** Maps versions to folders. Of several folders with the same number the last by name is taken, as TensorFlow Serving does. */
  #index(names: readonly string[]): ReadonlyMap<number, string> {
    const folders = new Map<number, string>();
    const ignored = new Map<string, string>();
    for (const name of names) {
      const version = Number(name);
      if (!Number.isSafeInteger(version)) {
        ignored.set(name, `Version numbers end at ${Number.MAX_SAFE_INTEGER}`);
        continue;
      }
      const other = folders.get(version);
      if (other !== undefined) ignored.set(other, `Version ${version} is in folder ${name} too`);
      folders.set(version, name);
    }
    for (const [folder, reason] of ignored) {
      if (this.#ignored.get(folder) === reason) continue;
      const publicReason = `${folder}: ${reason}`;
      this.#report({ kind: "folder ignored", reason: `${this.model.basePath}/${publicReason}`, publicReason });
    }
    this.#ignored = ignored;
    for (const [version, name] of folders) folders.set(version, `${this.model.basePath}/${name}`);
    return folders;
  }

  #reportUnreadable(why: Reason | undefined): void {
    if (why?.reason === this.#unreadable) return;
    this.#unreadable = why?.reason;
    if (why === undefined) this.#report({ kind: "base path readable" });
    else this.#report({ kind: "base path unreadable", ...why });
  }

  #reportMissing(wanted: readonly number[]): void {
    const { versionPolicy: policy, basePath } = this.model;
    const absent = policy.kind === "specific" ? policy.versions.filter((version) => !wanted.includes(version)) : [];
    let why: Reason | undefined;
    if (absent.length > 0) {
      why = reasonWith(basePath, (it) => `${it} has no version ${absent.join(", ")}, which the policy names`);
    } else if (wanted.length === 0) {
      why = reasonWith(basePath, (it) => `${it} has no versions: folders with a whole number for a name`);
    }
    if (why !== undefined && why.reason !== this.#missing) this.#report({ kind: "versions missing", ...why });
    this.#missing = why?.reason;
  }

  #report(event: Omit<SourceEvent, "name">): void {
    this.#onEvent({ name: this.model.name, ...event });
  }
}

/** A sentence about the base path, with the path and without it. */
function reasonWith(basePath: string, sentence: (place: string) => string): Reason {
  return { reason: sentence(basePath), publicReason: sentence(`The ${BASE_PATH}`) };
}

function reasonOf({ detail, message }: ServingError): Reason {
  return { reason: detail, publicReason: message };
}

/**
 * The names in a base path that are numbers and not plain files, in order.
 *
 * @throws what `Deno.readDir` throws.
 */
export async function listVersionFolders(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile && /^\d+$/.test(name)) names.push(name);
  }
  return names.sort();
}
