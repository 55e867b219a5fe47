/**
 * TLS connections that close at once. Closing one of Deno's leaves the system's socket open while the peer neither finishes the
 * handshake nor reads what was written, and Nagle's algorithm stays on. System calls make up for that where they are available.
 *
 * @module
 */
import { CAN_SHARE_PORTS, hangUp, setSendOptions } from "../system/tcp_sockets.ts";
import type { Http2Socket } from "../http2/connection.ts";

/** Where to listen, and the certificate. */
export interface TlsListenOptions {
  readonly hostname: string;
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  /** How long the system keeps data that a peer does not acknowledge. */
  readonly writeTimeoutMs: number;
}

/** Listens with TLS for HTTP/2 (RFC 9113 section 3.2); beside other listeners of this process if ports can be shared. */
export function listenTls({ writeTimeoutMs, ...options }: TlsListenOptions): Deno.TlsListener {
  const shared = { ...options, alpnProtocols: ["h2"], reusePort: CAN_SHARE_PORTS };
  const listener = Deno.listenTls(shared);
  setSendOptions(listener.addr as Deno.NetAddr, { userTimeoutMs: writeTimeoutMs });
  return listener;
}

/** Owns one connection. */
export class TlsSocket implements Http2Socket {
  readonly #conn: Deno.TlsConn;
  /** Operations that only the peer or the system can end: the handshake, under way since the accept, and writes. */
  #pending = 1;
  #isClosed = false;

  constructor(conn: Deno.TlsConn) {
    this.#conn = conn;
  }

  /**
   * Performs the handshake. Closes the connection if that fails, takes too long, or does not negotiate HTTP/2.
   *
   * @returns whether HTTP/2 may start.
   */
  async handshake(timeoutMs: number): Promise<boolean> {
    const timer = setTimeout(() => this.close(), timeoutMs);
    try {
      const { alpnProtocol } = await this.#conn.handshake();
      this.#pending--;
      if (alpnProtocol === "h2" && !this.#isClosed) return true;
    } catch {
      // The client does not speak TLS, does not trust us, or took too long.
      this.#pending--;
    } finally {
      clearTimeout(timer);
    }
    this.close();
    return false;
  }

  read(target: Uint8Array): Promise<number | null> {
    return this.#conn.read(target);
  }

  async write(source: Uint8Array): Promise<number> {
    this.#pending++;
    try {
      return await this.#conn.write(source);
    } finally {
      this.#pending--;
    }
  }

  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  /** Closes the connection at once. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Deno releases the socket once it sees that the system has shut it down.
    if (this.#pending > 0) hangUp(this.#conn);
    try {
      this.#conn.close();
    } catch {
      // Deno closed it after an error.
    }
  }
}
