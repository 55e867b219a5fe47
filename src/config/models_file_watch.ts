/**
 * Applies the file that lists the models whenever it changes, or on request. Neither serves nor loads.
 *
 * @module
 */
import type { ModelConfig } from "../model/model_config.ts";
import type { ModelsRead } from "./model_server_config.ts";
import { type ModelsFile, readModels, readModelsFile } from "./models_file.ts";
import { Poller, type PollerOptions } from "./poller.ts";

/** Parses a file's models, given those served until now. */
export type ReadModels = (before: readonly ModelConfig[]) => ModelsRead;

/** What to do with the models of a file. */
export interface ModelsFileWatchOptions extends Pick<PollerOptions, "onRefused" | "timer"> {
  /**
   * Serves the models that are read. Called again only when the promise has settled.
   *
   * @throws what `read` throws, or why the models cannot be served; every look tries again.
   */
  readonly apply: (read: ReadModels) => Promise<unknown>;
}

/** Watches one file from {@link start} on until it is disposed. Models being applied are applied to the end. */
export class ModelsFileWatch implements Disposable {
  readonly #file: ModelsFile;
  readonly #apply: ModelsFileWatchOptions["apply"];
  readonly #poller: Poller;
  /** The text that was applied last; undefined to apply whatever is read next. */
  #applied: string | undefined;
  #applications = 0;
  #isStarted = false;

  constructor(file: ModelsFile, { apply, ...options }: ModelsFileWatchOptions) {
    this.#file = file;
    this.#apply = apply;
    this.#poller = new Poller({ ...options, intervalMs: file.pollIntervalMs, look: () => this.#look() });
  }

  /**
   * Starts to watch.
   *
   * @param text what was read of the file and applied until now.
   */
  start(text: string): void {
    this.#applied = text;
    this.#isStarted = true;
    this.#poller.start();
  }

  /**
   * Reads the file and applies it, changed or not. Any number of calls while it is being applied cause one more reading. Resolves when
   * nothing is left to do; failures are reported.
   */
  reload(): Promise<void> {
    this.#applied = undefined;
    this.#poller.forgetReported();
    return this.#poller.look();
  }

  /**
   * Reads the file and applies it if it has changed.
   *
   * @returns whether it had; false before {@link start}, which applies it.
   * @throws why it cannot be applied; what was served before goes on.
   */
  async reloadIfChanged(): Promise<boolean> {
    if (!this.#isStarted) return false;
    const before = this.#applications;
    await this.#poller.look();
    if (this.#poller.failure !== undefined) throw this.#poller.failure;
    return this.#applications > before;
  }

  [Symbol.dispose](): void {
    this.#poller[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    try {
      const text = await readModelsFile(this.#file);
      if (text === this.#applied) return;
      this.#applied = text;
      await this.#apply((before) => readModels(text, { file: this.#file, before }));
      this.#applications++;
    } catch (error) {
      this.#applied = undefined;
      throw error;
    }
  }
}
