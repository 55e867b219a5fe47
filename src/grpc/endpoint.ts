/**
 * Where a server listens: TCP with or without TLS, or a Unix socket.
 *
 * @module
 */
import { listenTls } from "./tls_socket.ts";

/** A certificate chain, leaf first, and its private key, both PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A TCP address, with TLS if there is a certificate. */
export interface TcpEndpoint {
  readonly hostname: string;
  readonly port: number;
  readonly tls?: Certificate | undefined;
  /** Whether others listen there too and get some of the connections. Endpoints with a certificate are always shared. */
  readonly isShared?: boolean;
}

/** Where to listen: TCP or a Unix socket. */
export type Endpoint = TcpEndpoint | { readonly path: string };

/**
 * Starts to listen. The file of a Unix socket disappears when its listener is closed.
 *
 * @throws {Deno.errors.AddrInUse} and other errors of the system. {@link removeStaleSocket} removes a file left over.
 */
export function openListener(endpoint: Endpoint, options: { writeTimeoutMs: number }): Deno.Listener<Deno.Conn> {
  if ("path" in endpoint) return Deno.listen({ transport: "unix", path: endpoint.path });
  const { hostname, port, tls, isShared = false } = endpoint;
  if (tls !== undefined) return listenTls({ hostname, port, ...tls, ...options });
  return Deno.listen({ hostname, port, reusePort: isShared });
}

/**
 * Removes the file of a Unix socket that a killed server left behind. A socket in use and a file that is no socket stay: listening
 * there fails.
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

/** The client's address, for the log. */
export function peerName(connection: Deno.Conn): string {
  const { remoteAddr, localAddr } = connection;
  // In Deno 2.6 the addresses of a TLS connection have no transport.
  if ("hostname" in remoteAddr) return `${remoteAddr.hostname}:${remoteAddr.port}`;
  return "path" in localAddr ? `unix:${localAddr.path}` : remoteAddr.transport;
}
