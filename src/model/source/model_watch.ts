/**
 * Watches the base path of one model: which versions lie there, which of them have settled and are wanted.
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

/** What clients know the base path by. */
const BASE_PATH = "base path";

/** A folder written to less than this ago may be written to again without its time changing. */
const TIME_GRAIN_MAX_MS = 3_000;

/** How a model is looked at. */
export interface ModelLookOptions {
  /** Whether to list the base path even when its time says that nothing has come or gone: not all file systems keep it. */
  readonly isDue: boolean;
  /** Quiet versions to look at as well; all others that are quiet are left alone. */
  readonly dueVersions: ReadonlySet<VersionWatch>;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Milliseconds since 1970 before which files must have been written to be trusted at once when a model is new. */
  readonly wroteBeforeMs: number;
  /** Whether nobody will look again. */
  readonly isOnly: boolean;
}

/** One model's base path, look by look. */
export class ModelWatch {
  model: SourceModel;
  /** For the owner: to be resolved when its versions are known. */
  readonly decided = Promise.withResolvers<void>();
  readonly #onEvent: (event: SourceEvent) => void;
  readonly #versions = new Map<number, VersionWatch>();
  #isFirst = true;
  /** The base path and its version folders when they were listed last. */
  #stamp: string | undefined;
  #folders: ReadonlyMap<number, string> = new Map();
  /** The file system the version folders were on. */
  #device: number | undefined;
  /** What was told last, so that it is told once. */
  #unreadable: string | undefined;
  #missing: string | undefined;
  #ignored: ReadonlyMap<string, string> = new Map();

  constructor(model: SourceModel, onEvent: (event: SourceEvent) => void) {
    this.model = model;
    this.#onEvent = onEvent;
  }

  /** Whether the last look has left a version waiting to settle. */
  get hasUnsettled(): boolean {
    return this.#unreadable === undefined &&
      [...this.#versions.values()].some((watch) => watch.isThere && watch.files === undefined);
  }

  /** The wanted versions that it is enough to look at now and then. */
  get quietVersions(): VersionWatch[] {
    const quiet = [...this.#versions.values()].filter((watch) => watch.isQuiet && watch.isThere);
    const wanted = new Set(aspiredVersions(quiet.map((watch) => watch.version), this.model.versionPolicy));
    return quiet.filter((watch) => wanted.has(watch.version));
  }

  /**
   * Looks at the base path and at each version that has not settled.
   *
   * @returns the versions that ought to be served, or undefined when nothing can be told and nothing should change.
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
   * Whether what was listed is not what was looked at: versions that were listed are not there, and are not listed any more. The base
   * path was put elsewhere meanwhile, or turned to another folder; the next look sees what is there.
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
    if (news.kind === "changed") this.#tell({ kind: "version files changed", version, reason: options.folder });
    else this.#tell({ kind: "version incomplete", version, ...reasonOf(news.error) });
  }

  #aspired(): ReadonlyMap<number, SourceVersion> | undefined {
    const there = [...this.#versions.values()].filter((watch) => watch.isThere);
    const settled = new Map(there.flatMap(({ version, files }) => files === undefined ? [] : [[version, files]]));
    const wanted = aspiredVersions(there.map((watch) => watch.version), this.model.versionPolicy);
    this.#tellMissing(wanted);
    const aspired = new Map<number, SourceVersion>();
    for (const version of aspiredVersions(settled.keys(), this.model.versionPolicy)) {
      const files = settled.get(version);
      if (files !== undefined) aspired.set(version, files);
    }
    // An empty set would unload what serves, while what is to replace it is still being copied.
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
      // An empty mount point is what is left of a base path whose file system has gone.
      if (folders.size === 0 && this.#device !== undefined && this.#device !== dev) {
        this.#tellUnreadable(
          saidOf(basePath, (it) => `${it} is empty and on another file system than its versions were`),
        );
        return undefined;
      }
      this.#tellUnreadable(undefined);
      if (folders.size > 0) this.#device = dev;
      this.#stamp = nowMs - modifiedMs > TIME_GRAIN_MAX_MS ? stamp : undefined;
      return this.#folders = folders;
    } catch (thrown) {
      this.#tellUnreadable(reasonOf(accessError({ path: basePath, name: `the ${BASE_PATH}` }, thrown)));
      return undefined;
    }
  }

  /** Numbers the folders; of several with the same number the last by name is taken, as TensorFlow Serving does. */
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
      this.#tell({ kind: "folder ignored", reason: `${this.model.basePath}/${publicReason}`, publicReason });
    }
    this.#ignored = ignored;
    for (const [version, name] of folders) folders.set(version, `${this.model.basePath}/${name}`);
    return folders;
  }

  #tellUnreadable(why: Reason | undefined): void {
    if (why?.reason === this.#unreadable) return;
    this.#unreadable = why?.reason;
    if (why === undefined) this.#tell({ kind: "base path readable" });
    else this.#tell({ kind: "base path unreadable", ...why });
  }

  #tellMissing(wanted: readonly number[]): void {
    const { versionPolicy: policy, basePath } = this.model;
    const absent = policy.kind === "specific" ? policy.versions.filter((version) => !wanted.includes(version)) : [];
    let why: Reason | undefined;
    if (absent.length > 0) {
      why = saidOf(basePath, (it) => `${it} has no version ${absent.join(", ")}, which the policy names`);
    } else if (wanted.length === 0) {
      why = saidOf(basePath, (it) => `${it} has no versions: folders with a whole number for a name`);
    }
    if (why !== undefined && why.reason !== this.#missing) this.#tell({ kind: "versions missing", ...why });
    this.#missing = why?.reason;
  }

  #tell(event: Omit<SourceEvent, "name">): void {
    this.#onEvent({ name: this.model.name, ...event });
  }
}

/** Something about the base path, with the path and without it. */
function saidOf(basePath: string, sentence: (place: string) => string): Reason {
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
