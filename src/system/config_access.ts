/**
 * Which clients may change the configuration, judged by where they connect from.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";

/** `off`: no client; `local`: those on this machine, over loopback or a Unix socket; `all`: every client. */
export type ConfigAccess = "off" | "local" | "all";

/** All of them. */
export const CONFIG_ACCESS: readonly ConfigAccess[] = ["off", "local", "all"];

/** Loopback addresses as the system prints them, IPv4 ones mapped to IPv6 included, and Unix sockets. */
const LOCAL_REGEXP = /^(?:127\.\d+\.\d+\.\d+|\[?::1\]?|\[?::ffff:127\.\d+\.\d+\.\d+\]?):\d+$|^unix(?::|$)/;

/**
 * Refuses a change of the configuration.
 *
 * @param peer the client's address: `127.0.0.1:51234`, `::1:51234`, `unix:/run/ovserve.sock`.
 * @throws {ServingError} PERMISSION_DENIED if the client may not change it.
 */
export function checkConfigAccess(access: ConfigAccess, peer: string): void {
  if (access === "all" || (access === "local" && LOCAL_REGEXP.test(peer))) return;
  throw new ServingError(
    CODE.PERMISSION_DENIED,
    access === "off"
      ? "Requests do not change the configuration of this server (--config_api off)"
      : "Only clients on the server's own machine may change its configuration (--config_api local)",
  );
}
