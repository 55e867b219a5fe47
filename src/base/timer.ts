/**
 * Timers as functions, so that tests can replace them, and waiting that a timer bounds.
 *
 * @module
 */

/** The longest delay `setTimeout` keeps; a longer one fires at once. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** Calls `callback` once, after `delayMs`. The returned function cancels that; it may be called at any time. */
export type Timer = (callback: () => void, delayMs: number) => () => void;

/** The {@link Timer} of the event loop. Delays past 24 days are cut to that. */
export function systemTimer(callback: () => void, delayMs: number): () => void {
  const id = setTimeout(callback, Math.min(delayMs, DELAY_MAX_MS));
  return () => clearTimeout(id);
}

/**
 * Waits until a promise settles, but not longer than `waitMs`.
 *
 * @param options.onTimeout is called once the time is up. The result is then what it returns, or rejects with what it throws.
 * @returns the promise's result; undefined once the time is up, unless `onTimeout` says otherwise.
 */
export async function within<Result, Late = undefined>(
  promise: Promise<Result>,
  waitMs: number,
  options: { readonly timer?: Timer; readonly onTimeout?: () => Late } = {},
): Promise<Result | Late> {
  const { timer = systemTimer, onTimeout } = options;
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const cancel = timer(resolve, waitMs);
  try {
    return await Promise.race([promise, late.then(() => onTimeout?.() as Late)]);
  } finally {
    cancel();
  }
}
