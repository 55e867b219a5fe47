/**
 * Runs a server until the system asks it to leave.
 *
 * @module
 */
import { App } from "../app/app.ts";
import type { Config } from "../config/config.ts";

const IS_WINDOWS = Deno.build.os === "windows";
const LEAVE_SIGNALS: readonly Deno.Signal[] = IS_WINDOWS ? ["SIGINT", "SIGBREAK"] : ["SIGTERM", "SIGINT"];
/** On Windows it means that the console closes. */
const RELOAD_SIGNALS: readonly Deno.Signal[] = IS_WINDOWS ? [] : ["SIGHUP"];

/**
 * Serves until SIGTERM or SIGINT, then lets running requests finish; a second signal ends the process at once. SIGHUP has the
 * file that lists the models read again.
 *
 * @throws {Error} with the sentence to show when serving cannot begin.
 */
export async function serve(config: Config): Promise<void> {
  const asked = Promise.withResolvers<void>();
  const leaving = new AbortController();
  const leave = () => {
    if (leaving.signal.aborted) Deno.exit(130);
    leaving.abort();
    asked.resolve();
  };
  let app: App | undefined;
  let mustReload = false;
  const reload = () => {
    if (app === undefined) mustReload = true;
    else void app.reload();
  };
  for (const signal of LEAVE_SIGNALS) Deno.addSignalListener(signal, leave);
  for (const signal of RELOAD_SIGNALS) Deno.addSignalListener(signal, reload);
  try {
    await using started = await App.start(config, { leaving: leaving.signal });
    app = started;
    dropPermissions(config);
    if (mustReload) reload();
    await asked.promise;
  } catch (error) {
    // To leave before it has started is no failure.
    if (!leaving.signal.aborted || error !== leaving.signal.reason) throw error;
  } finally {
    for (const signal of LEAVE_SIGNALS) Deno.removeSignalListener(signal, leave);
    for (const signal of RELOAD_SIGNALS) Deno.removeSignalListener(signal, reload);
  }
}

/**
 * A server that is up neither writes files nor opens connections or ports: what gets hold of it shall not either. One that speaks
 * TLS listens anew for each new certificate, and one with several threads when it replaces one of them.
 */
function dropPermissions({ grpc }: Config): void {
  Deno.permissions.revokeSync({ name: "write" });
  if (grpc.certificate === undefined && grpc.threads === 1) Deno.permissions.revokeSync({ name: "net" });
}
