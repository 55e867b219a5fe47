/**
 * TLS connections that end when they are told to. Deno's do not: closing one leaves the system's socket open for as long as the
 * peer neither finishes the handshake nor reads what was written, and Nagle's algorithm stays on. The system is
 * asked for what is missing where it can be.
 *
 * @module
 */
import { CAN_SHARE_PORTS, hangUp, setSendOptions } from "../system/tcp_sockets.ts";
import type { Http2Socket } from "../http2/connection.ts";

/** Where to listen and with what certificate. */
export interface TlsListenOptions {
  readonly hostname: string;
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  /** How long the system keeps what a peer does not take. */
  readonly writeTimeoutMs: number;
}

/** Listens with TLS for clients that speak HTTP/2 (RFC 9113 section 3.2), where it can beside another listener of this program's. */
export function listenTls({ writeTimeoutMs, ...options }: TlsListenOptions): Deno.TlsListener {
  const shared = { ...options, alpnProtocols: ["h2"], reusePort: CAN_SHARE_PORTS };
  const listener = Deno.listenTls(shared);
  setSendOptions(listener.addr as Deno.NetAddr, { userTimeoutMs: writeTimeoutMs });
  return listener;
}

/** One connection, which it owns. */
export class TlsSocket implements Http2Socket {
  readonly #conn: Deno.TlsConn;
  /** What only the peer or the system can end: the handshake, which has begun when the connection is accepted, and writes. */
  #pending = 1;
  #isClosed = false;

  constructor(conn: Deno.TlsConn) {
    this.#conn = conn;
  }

  /**
   * Shakes hands within a time. What comes of a client that takes longer, fails or does not speak HTTP/2 is closed.
   *
   * @returns whether HTTP/2 may begin.
   */
  async handshake(timeoutMs: number): Promise<boolean> {
    const timer = setTimeout(() => this.close(), timeoutMs);
    try {
      const { alpnProtocol } = await this.#conn.handshake();
      this.#pending--;
      if (alpnProtocol === "h2" && !this.#isClosed) return true;
    } catch {
      // A client that does not know TLS or does not trust us, or one that took too long.
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

  /** Ends it at once, and for good. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // The system hangs up, which Deno then sees: it lets go of the socket.
    if (this.#pending > 0) hangUp(this.#conn);
    try {
      this.#conn.close();
    } catch {
      // Deno has closed it after an error.
    }
  }
}
