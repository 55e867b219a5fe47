/**
 * A timer as those who wait take it: a function, so that tests can put their own in its place.
 *
 * @module
 */

/** The longest delay `setTimeout` keeps; beyond it fires at once. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** Calls `callback` once, after `delayMs`. The returned function cancels that; it may be called at any time. */
export type Timer = (callback: () => void, delayMs: number) => () => void;

/** The {@link Timer} of the event loop. Delays past 24 days are cut to that. */
export function systemTimer(callback: () => void, delayMs: number): () => void {
  const id = setTimeout(callback, Math.min(delayMs, DELAY_MAX_MS));
  return () => clearTimeout(id);
}
