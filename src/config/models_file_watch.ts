/**
 * Watches the file that lists the models and has it applied when it changes, or when it is asked to. Neither serves nor loads.
 *
 * @module
 */
import { detailOf } from "../base/status.ts";
import type { Timer } from "../base/timer.ts";
import type { ModelConfig } from "../model/model_config.ts";
import type { ModelsRead } from "./model_server_config.ts";
import { type ModelsFile, readModels, readModelsFile } from "./models_file.ts";

/** Reads a file's models, given those served until now. */
export type ReadModels = (before: readonly ModelConfig[]) => ModelsRead;

/** Where to begin, and whom to tell. */
export interface ModelsFileWatchOptions {
  /**
   * Serves the models that are read. Called again only when the promise has settled.
   *
   * @throws what `read` throws, or why the models cannot be served: it is tried again then, at each look.
   */
  readonly apply: (read: ReadModels) => Promise<unknown>;
  /** Told once for each reason; what was served before goes on. Must not throw. */
  readonly onRefused: (error: unknown) => void;
  readonly timer: Timer;
}

/** Watches one file. Disposing it ends that; what is being applied goes on. */
export class ModelsFileWatch implements Disposable {
  readonly #file: ModelsFile;
  readonly #options: ModelsFileWatchOptions;
  /** The text that was applied last. */
  #applied: string | undefined;
  /** What was told last, so that it is told once. */
  #complaint: string | undefined;
  /** Why the last look came to nothing. */
  #failure: unknown;
  #applications = 0;
  #work: Promise<void> | undefined;
  /** Whether somebody asked since the work began. */
  #isAsked = false;
  #cancelTimer: () => void = () => {};
  #isStarted = false;
  #isClosed = false;

  constructor(file: ModelsFile, options: ModelsFileWatchOptions) {
    this.#file = file;
    this.#options = options;
  }

  /**
   * Starts to watch.
   *
   * @param text what was read of the file and applied until now.
   */
  start(text: string): void {
    this.#applied = text;
    this.#isStarted = true;
    this.#startTimer();
  }

  /**
   * Reads the file and has it applied, whether it has changed or not. Any number of calls while it is being applied make one more
   * reading. Resolves when nothing is left to do; what goes wrong is told.
   */
  reload(): Promise<void> {
    this.#applied = undefined;
    this.#complaint = undefined;
    return this.#look();
  }

  /**
   * Reads the file and has it applied if it has changed.
   *
   * @returns whether it had; false before {@link start}, which applies it.
   * @throws why it cannot be applied; what was served before goes on.
   */
  async reloadIfChanged(): Promise<boolean> {
    if (!this.#isStarted) return false;
    const before = this.#applications;
    await this.#look();
    if (this.#failure !== undefined) throw this.#failure;
    return this.#applications > before;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#cancelTimer();
  }

  #look(): Promise<void> {
    this.#isAsked = true;
    this.#work ??= this.#run();
    return this.#work;
  }

  async #run(): Promise<void> {
    while (this.#isAsked && !this.#isClosed) {
      this.#isAsked = false;
      await this.#applyIfChanged();
    }
    this.#work = undefined;
  }

  async #applyIfChanged(): Promise<void> {
    this.#failure = undefined;
    try {
      const text = await readModelsFile(this.#file);
      if (text === this.#applied) return;
      this.#applied = text;
      await this.#options.apply((before) => readModels(text, { file: this.#file, before }));
      this.#complaint = undefined;
      this.#applications++;
    } catch (error) {
      this.#failure = error;
      this.#applied = undefined;
      const complaint = detailOf(error);
      if (complaint === this.#complaint || this.#isClosed) return;
      this.#complaint = complaint;
      this.#options.onRefused(error);
    }
  }

  #startTimer(): void {
    const { pollIntervalMs } = this.#file;
    if (pollIntervalMs <= 0 || this.#isClosed) return;
    this.#cancelTimer = this.#options.timer(() => {
      void this.#look().then(() => this.#startTimer());
    }, pollIntervalMs);
  }
}
