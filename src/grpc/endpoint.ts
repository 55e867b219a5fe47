/**
 * Where a server listens: TCP with or without TLS, or a Unix socket, whose file it looks after.
 *
 * @module
 */
import { listenTls } from "./tls_socket.ts";

/** What a server shows to clients, and its secret: both PEM, the certificate followed by those it is signed with. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A TCP address, with TLS when there is a certificate. */
export interface TcpEndpoint {
  readonly hostname: string;
  readonly port: number;
  readonly tls?: Certificate | undefined;
  /** Whether others listen there too; connections are shared out among them. What shows a certificate is always shared. */
  readonly isShared?: boolean;
}

/** Where to listen: TCP or a Unix socket. */
export type Endpoint = TcpEndpoint | { readonly path: string };

/**
 * Listens. A Unix socket's file disappears when its listener is closed.
 *
 * @throws {Deno.errors.AddrInUse} and what else the system says; for a file left over see {@link removeStaleSocket}.
 */
export function openListener(endpoint: Endpoint, options: { writeTimeoutMs: number }): Deno.Listener<Deno.Conn> {
  if ("path" in endpoint) return Deno.listen({ transport: "unix", path: endpoint.path });
  const { hostname, port, tls, isShared = false } = endpoint;
  if (tls !== undefined) return listenTls({ hostname, port, ...tls, ...options });
  return Deno.listen({ hostname, port, reusePort: isShared });
}

/**
 * Removes a Unix socket's file that a server left behind which was killed. A socket that a server listens on stays, and so does
 * a file that is none: listening there then fails.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  try {
    if (!(await Deno.lstat(path)).isSocket) return;
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    await Deno.remove(path);
  }
}

/** Who is at the other end of a connection, for the log. */
export function peerName(connection: Deno.Conn): string {
  const { remoteAddr, localAddr } = connection;
  // Deno 2.6 does not say of a TLS connection's addresses what transport they belong to.
  if ("hostname" in remoteAddr) return `${remoteAddr.hostname}:${remoteAddr.port}`;
  return "path" in localAddr ? `unix:${localAddr.path}` : remoteAddr.transport;
}
