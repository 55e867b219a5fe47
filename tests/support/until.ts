/**
 * Waiting for a state that raises no event, within a bound.
 *
 * @module
 */

/** How often a state is checked. */
const INTERVAL_MS = 5;
/** After this long, what a test waits for is taken never to come. */
const LIMIT_MS = 60_000;

/**
 * Resolves when a condition holds.
 *
 * @param what the condition in words, for the error.
 * @throws {Error} when it does not hold within a minute.
 */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error(`Waited ${LIMIT_MS / 1000} s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
