/**
 * TLS connections that end when they are told to. Deno's do not: closing one leaves the system's socket open for as long as the
 * peer neither finishes the handshake nor reads what was written, and Nagle's algorithm stays on. On Linux the C library is
 * asked for what is missing; elsewhere, and where it may not be asked, they are as Deno has them.
 *
 * @module
 */
import type { Http2Socket } from "../http2/connection.ts";

const SYMBOLS = {
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
} as const;

/** Linux's numbers (socket(7), tcp(7), shutdown(2)). */
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_USER_TIMEOUT = 18;
const SHUT_RDWR = 2;
const AF_INET = 2;
const AF_INET6 = 10;
/** sizeof(struct sockaddr_in6), the longest address of a TCP socket. */
const ADDRESS_BYTES = 28;

/** Descriptors are given out from the lowest free one on, so those of sockets are found long before this. */
const DESCRIPTORS_MAX = 65_536;

type CLibrary = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Opens the C library, which every process has, for as long as `use` takes; does nothing where it may not be asked. */
function withCLibrary(use: (calls: CLibrary) => void): void {
  if (Deno.build.os !== "linux") return;
  let library: Deno.DynamicLibrary<typeof SYMBOLS>;
  try {
    library = Deno.dlopen("libc.so.6", SYMBOLS);
  } catch {
    return;
  }
  use(library.symbols);
  library.close();
}

/** Where to listen and with what certificate. */
export interface TlsListenOptions {
  readonly hostname: string;
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  /** How long the system keeps what a peer does not take. */
  readonly writeTimeoutMs: number;
}

/** Listens with TLS for clients that speak HTTP/2 (RFC 9113 section 3.2). */
export function listenTls({ writeTimeoutMs, ...options }: TlsListenOptions): Deno.TlsListener {
  const listener = Deno.listenTls({ ...options, alpnProtocols: ["h2"] });
  const local = addressText(listener.addr as Deno.NetAddr);
  withCLibrary((calls) => {
    const descriptor = findDescriptor((candidate) => addressOf(calls.getsockname, candidate) === local);
    if (descriptor === undefined) return;
    // Connections inherit what is set on their listener.
    for (const [option, value] of [[TCP_NODELAY, 1], [TCP_USER_TIMEOUT, writeTimeoutMs]] as const) {
      calls.setsockopt(descriptor, IPPROTO_TCP, option, Int32Array.of(value), Int32Array.BYTES_PER_ELEMENT);
    }
  });
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
    if (this.#pending > 0) this.#abort();
    try {
      this.#conn.close();
    } catch {
      // Deno has closed it after an error.
    }
  }

  /** Has the system hang up, which Deno then sees: it lets go of the socket. */
  #abort(): void {
    const local = addressText(this.#conn.localAddr as Deno.NetAddr);
    const remote = addressText(this.#conn.remoteAddr as Deno.NetAddr);
    withCLibrary((calls) => {
      const descriptor = findDescriptor((candidate) =>
        addressOf(calls.getpeername, candidate) === remote && addressOf(calls.getsockname, candidate) === local
      );
      if (descriptor !== undefined) calls.shutdown(descriptor, SHUT_RDWR);
    });
  }
}

function findDescriptor(isWanted: (descriptor: number) => boolean): number | undefined {
  for (let descriptor = 0; descriptor < DESCRIPTORS_MAX; descriptor++) {
    if (isWanted(descriptor)) return descriptor;
  }
  return undefined;
}

const addressBytes = new Uint8Array(ADDRESS_BYTES);
const addressLength = new Uint32Array(1);

/** The address one of the calls gives for a descriptor, as {@link addressText} writes it; undefined when it is no TCP socket. */
function addressOf(call: CLibrary["getsockname"], descriptor: number): string | undefined {
  addressLength[0] = ADDRESS_BYTES;
  if (call(descriptor, addressBytes, addressLength) !== 0) return undefined;
  const view = new DataView(addressBytes.buffer);
  const family = new Uint16Array(addressBytes.buffer, 0, 1)[0];
  const port = view.getUint16(2);
  if (family === AF_INET) return addressText({ hostname: addressBytes.subarray(4, 8).join("."), port });
  if (family !== AF_INET6) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16));
  return addressText({ hostname: groups.join(":"), port });
}

/** An address with its port, IPv6 in the one way a URL writes it. */
function addressText({ hostname, port }: { hostname: string; port: number }): string {
  return hostname.includes(":") ? `${new URL(`http://[${hostname}]`).hostname}:${port}` : `${hostname}:${port}`;
}
