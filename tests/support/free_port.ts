/**
 * Ports for programs that must be given one: tests of our own server bind port 0 instead.
 *
 * @module
 */

/** A TCP port of 127.0.0.1 that was free just now. Another program may take it before its user does. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
