/**
 * Estimates how many of the clients that were just answered will send again shortly, and whether waiting for them is worth it.
 * Clients that are answered together return together, but not at the same moment. Knows no tasks.
 *
 * @module
 */

/**
 * Returns are expected for this part of the time that their batch took. If an inference takes about as long for one row as for many,
 * the first few clients, inferred alone, would make the others wait longer than that; if it does not, no more than this is lost.
 */
const RETURN_SHARE = 1 / 2;
const RETURN_MAX_MS = 10;

/** A batch has not returned if more than this part of it is missing at the end. */
const MISSING_SHARE_MAX = 1 / 4;

/** This many batches without a return end the waiting. A batch that returned makes up for one that did not, as on a busy machine. */
const TRUST_MAX = 8;

/** A batch that was answered. */
interface Return {
  readonly answeredSize: number;
  missingSize: number;
  readonly untilMs: number;
}

/** Expects answered clients to return. Times are milliseconds since any moment, given by the caller. */
export class ReturnEstimator {
  /** The batches under way, in the order they were answered: at most as many as end within the longest wait. */
  readonly #returns: Return[] = [];
  #trust = TRUST_MAX;

  /** Whether a return is under way; otherwise {@link arrived} need not be called. */
  get isUnderWay(): boolean {
    return this.#returns.length > 0;
  }

  /** When the first return is given up; infinite when none is under way. */
  get untilMs(): number {
    return this.#returns.reduce((first, { untilMs }) => Math.min(first, untilMs), Infinity);
  }

  /** How much is still expected and worth waiting for: 0 if answered clients have not returned lately. */
  expectedSize(nowMs: number): number {
    this.#giveUp(nowMs);
    return this.#trust > 0 ? this.#returns.reduce((sum, { missingSize }) => sum + missingSize, 0) : 0;
  }

  /** Expects the return of a batch that was answered now, after running for `tookMs`. */
  answered(size: number, { nowMs, tookMs }: { nowMs: number; tookMs: number }): void {
    const untilMs = nowMs + Math.min(tookMs * RETURN_SHARE, RETURN_MAX_MS);
    this.#returns.push({ answeredSize: size, missingSize: size, untilMs });
  }

  /** Counts arrivals as returns of the earliest batch. Whether they are its clients cannot be known. */
  arrived(size: number, nowMs: number): void {
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
    const hasReturned = ended.missingSize <= ended.answeredSize * MISSING_SHARE_MAX;
    this.#trust = hasReturned ? Math.min(this.#trust + 1, TRUST_MAX) : Math.max(this.#trust - 1, 0);
  }
}
