/**
 * Runs a server until a signal stops it.
 *
 * @module
 */
import { App } from "../app/app.ts";
import type { Config } from "../config/config.ts";

const IS_WINDOWS = Deno.build.os === "windows";
const LEAVE_SIGNALS: readonly Deno.Signal[] = IS_WINDOWS ? ["SIGINT", "SIGBREAK"] : ["SIGTERM", "SIGINT"];
/** On Windows, SIGHUP means that the console closes. */
const RELOAD_SIGNALS: readonly Deno.Signal[] = IS_WINDOWS ? [] : ["SIGHUP"];

/**
 * Serves until SIGTERM or SIGINT, then lets running requests finish; a second signal ends the process at once. SIGHUP rereads
 * the file that lists the models.
 *
 * @throws {Error} with the sentence to show if the server cannot start.
 */
export async function serve(config: Config): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  const leaving = new AbortController();
  const leave = () => {
    if (leaving.signal.aborted) Deno.exit(130);
    leaving.abort();
    stopped.resolve();
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
    await stopped.promise;
  } catch (error) {
    // Stopping before the start is complete is no failure.
    if (!leaving.signal.aborted || error !== leaving.signal.reason) throw error;
  } finally {
    for (const signal of LEAVE_SIGNALS) Deno.removeSignalListener(signal, leave);
    for (const signal of RELOAD_SIGNALS) Deno.removeSignalListener(signal, reload);
  }
}

/**
 * Drops the permissions that a running server does not need, so that an attacker cannot use them: to write files, and to open
 * connections or ports. A server with TLS listens again for each new certificate, one with several threads for each replaced thread.
 */
function dropPermissions({ grpc }: Config): void {
  Deno.permissions.revokeSync({ name: "write" });
  if (grpc.certificate === undefined && grpc.threads === 1) Deno.permissions.revokeSync({ name: "net" });
}
