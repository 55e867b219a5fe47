/**
 * Quarantines versions that have repeatedly crashed the process, so that one bad version does not stop the others from being served.
 *
 * @module
 */
import { CrashLedger } from "../../system/crash_ledger.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { Engine } from "../../engine/engine.ts";
import { markedEngine } from "./marked_engine.ts";

/** Crashes in a row after which a version is no longer loaded. */
const DEATHS_MAX = 2;

/** A version that is about to be loaded. */
export interface Suspect {
  readonly name: string;
  readonly version: number;
  /** Identifies its files: a version with other files is tried again. */
  readonly fingerprint: string;
}

/** Records which version loads or infers. Disposing it records that the process ends normally. */
export class Quarantine implements Disposable {
  readonly #ledger: CrashLedger;

  /** @throws {Error} with a sentence when the folder cannot hold the record. */
  constructor(folder: string) {
    try {
      this.#ledger = new CrashLedger(`${folder}/crashes`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot keep a record of crashes in ${folder}: ${reason}`, { cause: error });
    }
  }

  /**
   * Loads a version with an engine that marks its work.
   *
   * @throws {ServingError} FAILED_PRECONDITION for a version in quarantine, which is not loaded; whatever `load` throws.
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
