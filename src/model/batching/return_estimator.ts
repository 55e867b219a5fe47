/**
 * Those who are answered together come back together, but not at the same moment: says how much is still to come, and whether it is
 * worth waiting for. Knows no tasks.
 *
 * @module
 */

/**
 * They are expected for this part of the time their batch was run. Where an inference takes about as long for one row as for many, the
 * first few, inferred alone, would keep the rest waiting for longer; where it does not, no more than this is lost.
 */
const RETURN_SHARE = 1 / 2;
const RETURN_MAX_MS = 10;

/** When more than this part of them is missing at the end, they have not come back. */
const MISSING_SHARE_MAX = 1 / 4;

/** So many returns that did not happen end the waiting; one that did makes up for one that did not, as on a machine that is busy for a moment. */
const TRUST_MAX = 8;

/** A batch that was answered. */
interface Return {
  readonly answeredSize: number;
  missingSize: number;
  readonly untilMs: number;
}

/** How much is expected to come back. Whoever uses it says what time it is, in milliseconds since any moment. */
export class ExpectedCompany {
  /** Those under way, in the order they were answered: as many at most as batches end within the longest wait. */
  readonly #returns: Return[] = [];
  #trust = TRUST_MAX;

  /** Whether a return is under way; if not, there is nothing to tell {@link came}. */
  get isUnderWay(): boolean {
    return this.#returns.length > 0;
  }

  /** When the first of what is missing is given up; infinite when nothing is. */
  get untilMs(): number {
    return this.#returns.reduce((first, { untilMs }) => Math.min(first, untilMs), Infinity);
  }

  /** How much may still come and is worth waiting for: nothing, where lately those who were answered did not come back. */
  expectedSize(nowMs: number): number {
    this.#giveUp(nowMs);
    return this.#trust > 0 ? this.#returns.reduce((sum, { missingSize }) => sum + missingSize, 0) : 0;
  }

  /** A batch of this size was answered, after it was run for so long. */
  expect(size: number, { nowMs, tookMs }: { nowMs: number; tookMs: number }): void {
    const untilMs = nowMs + Math.min(tookMs * RETURN_SHARE, RETURN_MAX_MS);
    this.#returns.push({ answeredSize: size, missingSize: size, untilMs });
  }

  /** So much has come. Whether it is from those who were answered nobody can tell. */
  came(size: number, nowMs: number): void {
    this.#giveUp(nowMs);
    let left = size;
    for (let first = this.#returns[0]; first !== undefined && left > 0; first = this.#returns[0]) {
      const back = Math.min(left, first.missingSize);
      first.missingSize -= back;
      left -= back;
      if (first.missingSize > 0) return;
      this.#end(0);
    }
  }

  #giveUp(nowMs: number): void {
    for (let i = this.#returns.length - 1; i >= 0; i--) {
      if (nowMs >= (this.#returns[i] as Return).untilMs) this.#end(i);
    }
  }

  #end(index: number): void {
    const [ended] = this.#returns.splice(index, 1);
    if (ended === undefined) return;
    const hasHappened = ended.missingSize <= ended.answeredSize * MISSING_SHARE_MAX;
    this.#trust = hasHappened ? Math.min(this.#trust + 1, TRUST_MAX) : Math.max(this.#trust - 1, 0);
  }
}
