/**
 * The source of models on the file system: polls the base paths of all models and reports the versions that should be served. Loads
 * nothing and does not know what is loaded.
 *
 * @module
 */
import { systemTimer, type Timer, within } from "../../base/timer.ts";
import { aspiredVersions } from "../../core/version_policy.ts";
import { listVersionFolders, type ModelLookOptions, ModelWatch } from "./model_watch.ts";
import type { ModelSource, SourceListener, SourceModel } from "./source.ts";

/**
 * How many of the base paths and versions that are most likely unchanged are looked at in each poll, over all models. They take turns,
 * which bounds the cost of polling: base paths with the same modification time, and versions whose files have settled.
 */
const BASE_PATHS_PER_POLL = 8;
const QUIET_VERSIONS_PER_POLL = 8;

/** How long disposing waits for running looks, which never end on a file server that is gone. */
const DISPOSE_WAIT_MS = 1_000;

/** The part of a model that is due in a poll. */
type Due = Pick<ModelLookOptions, "isDue" | "dueVersions">;

/** Takes some items of a changing list at a time, so that each has its turn. */
class RoundRobin {
  readonly #count: number;
  #next = 0;

  constructor(count: number) {
    this.#count = count;
  }

  take<Item>(items: readonly Item[]): ReadonlySet<Item> {
    const first = this.#next < items.length ? this.#next : 0;
    this.#next = first + this.#count;
    return new Set([...items.slice(first), ...items.slice(0, first)].slice(0, this.#count));
  }
}

/** Watches the base paths of any number of models. Disposing it ends that; nothing is unloaded by it. */
export class FileSystemSource implements ModelSource {
  readonly #pollIntervalMs: number;
  readonly #listener: SourceListener;
  readonly #timer: Timer;
  readonly #now: () => number;
  #watches: ReadonlyMap<string, ModelWatch> = new Map();
  /** The running looks: a model is looked at once at a time. */
  readonly #looks = new Map<ModelWatch, Promise<void>>();
  readonly #basePathTurn = new RoundRobin(BASE_PATHS_PER_POLL);
  readonly #versionTurn = new RoundRobin(QUIET_VERSIONS_PER_POLL);
  #cancelTimer: () => void = () => {};
  #isClosed = false;

  /**
   * @param pollIntervalMs how often to look for versions (`--file_system_poll_wait_seconds`): 0 looks once at each model, when it is
   * set; a negative number never does.
   * @param clock in place of the system's, for tests; `now` in milliseconds since 1970.
   */
  constructor(
    pollIntervalMs: number,
    listener: SourceListener,
    { timer = systemTimer, now = Date.now }: { timer?: Timer; now?: () => number } = {},
  ) {
    this.#pollIntervalMs = pollIntervalMs;
    this.#listener = listener;
    this.#timer = timer;
    this.#now = now;
  }

  /** A model is decided when its files have settled, are given up as incomplete after a few polls, or its base path cannot be read. */
  async setModels(models: readonly SourceModel[]): Promise<void> {
    const before = this.#watches;
    const after = new Map<string, ModelWatch>();
    const changed: ModelWatch[] = [];
    for (const model of models) {
      let watch = before.get(model.name);
      if (watch === undefined || watch.model.basePath !== model.basePath) {
        watch = new ModelWatch(model, (event) => this.#listener.onEvent(event));
        changed.push(watch);
      } else if (JSON.stringify(watch.model.versionPolicy) !== JSON.stringify(model.versionPolicy)) {
        watch.model = model;
        changed.push(watch);
      }
      after.set(model.name, watch);
    }
    this.#watches = after;
    for (const [name, watch] of before) {
      if (after.get(name) === watch) continue;
      watch.decided.resolve();
      if (!after.has(name)) this.#listener.onAspired(name, new Map());
    }
    if (this.#pollIntervalMs < 0 || changed.length === 0) return;
    // A new interval starts, so that no file seems unchanged only because two looks follow closely.
    this.#startTimer();
    await Promise.all(changed.map((watch) => this.#look(watch, { isDue: true, dueVersions: new Set() })));
    await Promise.all(changed.map((watch) => watch.decided.promise));
  }

  async wantedVersions({ basePath, versionPolicy }: SourceModel): Promise<readonly number[]> {
    try {
      return aspiredVersions((await listVersionFolders(basePath)).map(Number), versionPolicy);
    } catch {
      return [];
    }
  }

  /** Looks at every model now. Resolves when all looks have ended, those already running included. */
  async poll(): Promise<void> {
    const watches = [...this.#watches.values()];
    const due = this.#basePathTurn.take(watches);
    const dueVersions = this.#versionTurn.take(watches.flatMap((watch) => watch.quietVersions));
    await Promise.all(watches.map((watch) => this.#look(watch, { isDue: due.has(watch), dueVersions })));
  }

  /** Stops polling. A running look reports nothing any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    for (const watch of this.#watches.values()) watch.decided.resolve();
    await within(Promise.all(this.#looks.values()), DISPOSE_WAIT_MS, { timer: this.#timer });
  }

  #look(watch: ModelWatch, due: Due): Promise<void> {
    const running = this.#looks.get(watch);
    if (running !== undefined) return running;
    const look = this.#lookAndReport(watch, due).finally(() => this.#looks.delete(watch));
    this.#looks.set(watch, look);
    return look;
  }

  async #lookAndReport(watch: ModelWatch, due: Due): Promise<void> {
    const nowMs = this.#now();
    const versions = await watch.look({
      ...due,
      nowMs,
      wroteBeforeMs: nowMs - this.#pollIntervalMs,
      isOnly: this.#pollIntervalMs === 0,
    });
    const { name } = watch.model;
    if (this.#isClosed || this.#watches.get(name) !== watch) return;
    if (versions !== undefined) this.#listener.onAspired(name, versions);
    if (!watch.hasUnsettled) watch.decided.resolve();
  }

  #startTimer(): void {
    this.#cancelTimer();
    if (this.#pollIntervalMs <= 0 || this.#isClosed) return;
    this.#cancelTimer = this.#timer(() => {
      this.#startTimer();
      void this.poll();
    }, this.#pollIntervalMs);
  }
}
