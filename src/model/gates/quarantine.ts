/**
 * Keeps versions from being loaded during which the process has died again and again, so that one bad version does not take
 * the others with it for ever.
 *
 * @module
 */
import { CrashLedger } from "../../system/crash_ledger.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { Engine } from "../../engine/engine.ts";
import { markedEngine } from "./marked_engine.ts";

/** Deaths in a row after which a version is loaded no more. */
const DEATHS_MAX = 2;

/** What is to be loaded. */
export interface Suspect {
  readonly name: string;
  readonly version: number;
  /** Stands for its files: others get a new chance. */
  readonly fingerprint: string;
}

/** Watches loads and inferences. Disposing it says that the process ends in peace. */
export class Quarantine implements Disposable {
  readonly #ledger: CrashLedger;

  /** @throws {Error} with a sentence when nothing can be remembered in the folder. */
  constructor(folder: string) {
    try {
      this.#ledger = new CrashLedger(`${folder}/crashes`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot keep a record of crashes in ${folder}: ${reason}`, { cause: error });
    }
  }

  /**
   * Loads something with an engine that notes who is at work.
   *
   * @throws {ServingError} FAILED_PRECONDITION in place of loading what is in quarantine; whatever `load` throws.
   */
  async load<T>(
    suspect: Suspect,
    { engine, load }: { engine: Engine; load: (engine: Engine) => Promise<T> },
  ): Promise<T> {
    const { name, version, fingerprint } = suspect;
    const mark = this.#ledger.mark(JSON.stringify([name, version, fingerprint]));
    if (mark.deaths >= DEATHS_MAX) {
      throw new ServingError(
        CODE.FAILED_PRECONDITION,
        `In quarantine: the process has died ${mark.deaths} times in a row while it was loading or inferring this version. ` +
          "It is tried again when its files change",
      );
    }
    mark.begin();
    try {
      return await load(markedEngine(engine, mark));
    } finally {
      mark.end();
    }
  }

  [Symbol.dispose](): void {
    this.#ledger.forgive(DEATHS_MAX);
  }
}
