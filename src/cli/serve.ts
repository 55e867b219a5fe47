/**
 * Runs a server until the system asks it to leave.
 *
 * @module
 */
import { App } from "../app.ts";
import type { Config } from "../config/config.ts";

const LEAVE_SIGNALS: readonly Deno.Signal[] = ["SIGTERM", "SIGINT"];

/**
 * Serves until SIGTERM or SIGINT, then lets running requests finish; a second signal ends the process at once.
 *
 * @throws {Error} with the sentence to show when serving cannot begin.
 */
export async function serve(config: Config): Promise<void> {
  const asked = Promise.withResolvers<void>();
  let hasAsked = false;
  const leave = () => {
    if (hasAsked) Deno.exit(130);
    hasAsked = true;
    asked.resolve();
  };
  for (const signal of LEAVE_SIGNALS) Deno.addSignalListener(signal, leave);
  try {
    await using _app = await App.start(config);
    await asked.promise;
  } finally {
    for (const signal of LEAVE_SIGNALS) Deno.removeSignalListener(signal, leave);
  }
}
