/**
 * The gRPC server: accepts connections, and dispatches each HTTP/2 stream to the method it names.
 *
 * @module
 */
import { CODE, ServingError, toServingError } from "../base/status.ts";
import { Http2Connection, type Http2Socket } from "../http2/connection.ts";
import type { Http2Stream, RequestHeaders, StreamListener } from "../http2/http2.ts";
import type { Http2Limits } from "../http2/limits.ts";
import { TurnQueue } from "../http2/turns.ts";
import { type CallOptions, type Method, NO_DATA } from "./call.ts";
import { ConnectionCount } from "./connection_count.ts";
import { type Certificate, type Endpoint, openListener, peerName } from "./endpoint.ts";
import { InflightBudget } from "./inflight_budget.ts";
import { MessageBuffers } from "./message_buffers.ts";
import { requestHead, trailersOnly } from "./request_head.ts";
import { StreamingCall } from "./streaming_call.ts";
import { StreamingCalls } from "./streaming_calls.ts";
import { checkConfigAccess, type ConfigAccess } from "../system/config_access.ts";
import { TlsSocket } from "./tls_socket.ts";
import { UnaryCall } from "./unary_call.ts";

export type { Endpoint };

/** The bounds of a server, and who observes it. */
export interface GrpcServerOptions extends Omit<CallOptions, "buffers" | "budget" | "streamingCalls"> {
  readonly http2: Http2Limits;
  /** Past this many, the longest idle connection gives way to a new one, which is closed if none is idle. */
  readonly connectionsMax: number;
  /** Which clients may change the configuration. */
  readonly configAccess: ConfigAccess;
  /** Counts them together with those of other threads; if left out, the bound is the server's own. */
  readonly connectionCount?: ConnectionCount;
  /** Memory for all large messages; past it flow control holds clients back (`--max_inflight_bytes`). */
  readonly inflightBytesMax: number;
}

/** Figures of a server. */
export interface GrpcTraffic {
  /** Open now. */
  readonly connections: number;
  /** Since the start. */
  readonly acceptedConnections: number;
  /** Open now, on all connections. */
  readonly streams: number;
  /** Since the start, over all connections; TLS is not counted. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Memory that large messages take now, in bytes. */
  readonly inflightBytes: number;
  /** Messages that wait for memory. */
  readonly waitingForMemory: number;
}

interface TransferredBytes {
  received: number;
  sent: number;
}

/** Memory kept for reuse by large messages. */
const IDLE_BUFFER_BYTES_MAX = 64 << 20;

/** Pause after an accept that failed for want of descriptors or memory. */
const ACCEPT_PAUSE_MS = 100;

/** How long an idle connection may take to give way to a new one, and how many may do so at a time. */
const GIVE_WAY_MS = 1000;
const GIVING_WAY_MAX = 64;

/** Connections accepted before those that are open get a turn. */
const ACCEPTS_PER_TURN = 64;

/** The reply to a call with more metadata than the limits of HTTP/2 allow. */
const METADATA_TOO_LARGE = trailersOnly(
  new ServingError(CODE.RESOURCE_EXHAUSTED, "Received more metadata than the server accepts"),
);

/** The state in which listeners with a new certificate stand beside those with the old one. */
export interface CertificateHandover {
  /** The addresses of the new listeners. */
  readonly addresses: readonly Deno.NetAddr[];
  /** Closes the listeners with the old certificate. Connections stay. */
  closeOld(): void;
}

type AnyListener = Deno.Listener<Deno.Conn>;

/** Serves methods over gRPC until it is shut down. */
export class GrpcServer {
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #options: GrpcServerOptions & CallOptions;
  readonly #listeners = new Map<AnyListener, Endpoint>();
  #isAccepting = false;
  readonly #connections = new Set<Http2Connection>();
  readonly #turns = new TurnQueue();
  readonly #count: ConnectionCount;
  /** Connections whose TLS handshake is under way. */
  readonly #greeting = new Set<TlsSocket>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #accepting = new Set<Promise<void>>();
  readonly #leaving = new AbortController();
  readonly #streamingCalls = new StreamingCalls();
  #acceptedConnections = 0;
  #closedBytes: TransferredBytes = { received: 0, sent: 0 };

  constructor(methods: readonly Method[], options: GrpcServerOptions) {
    this.#methods = new Map(methods.map((method) => [method.path, method]));
    this.#count = options.connectionCount ?? new ConnectionCount();
    this.#options = {
      ...options,
      buffers: new MessageBuffers({ idleBytesMax: IDLE_BUFFER_BYTES_MAX }),
      budget: new InflightBudget({ bytesMax: options.inflightBytesMax }),
      streamingCalls: this.#streamingCalls,
    };
  }

  /**
   * Listens at an endpoint; may be called for several. Connections wait until {@link accept}.
   *
   * @returns the address, with the port that the system chose for port 0.
   * @throws {Deno.errors.AddrInUse} and other errors of the system.
   */
  listen(endpoint: Endpoint): Deno.Addr {
    const listener = openListener(endpoint, { writeTimeoutMs: this.#options.http2.writeTimeoutMs });
    this.#listeners.set(listener, endpoint);
    if (this.#isAccepting) this.#startAccepting(listener);
    return listener.addr;
  }

  /**
   * Listens with another certificate at each TLS endpoint, beside the listeners with the old one.
   *
   * @throws errors about the certificate; nothing has changed then.
   */
  replaceCertificate(tls: Certificate): CertificateHandover {
    const old = [...this.#listeners].flatMap(([listener, endpoint]) =>
      "tls" in endpoint && endpoint.tls !== undefined ? [{ listener, endpoint }] : []
    );
    const addresses = old.map(({ listener, endpoint }) => {
      const { port } = listener.addr as Deno.NetAddr;
      return this.listen({ ...endpoint, port, tls }) as Deno.NetAddr;
    });
    const closeOld = () => {
      for (const { listener } of old) {
        if (this.#listeners.delete(listener)) listener.close();
      }
    };
    return { addresses, closeOld };
  }

  /** Starts to accept connections. */
  accept(): void {
    this.#isAccepting = true;
    for (const listener of this.#listeners.keys()) this.#startAccepting(listener);
  }

  /** Resolves when all ports are free: a closed listener holds its port until the pending accept has ended. */
  async portsFree(): Promise<void> {
    await Promise.all(this.#accepting);
  }

  /** Open connections. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** The current figures. Costs a pass over all connections. */
  get traffic(): GrpcTraffic {
    let streams = 0;
    let { received, sent } = this.#closedBytes;
    for (const connection of this.#connections) {
      streams += connection.streamCount;
      received += connection.bytesRead;
      sent += connection.bytesWritten;
    }
    return {
      connections: this.#connections.size,
      acceptedConnections: this.#acceptedConnections,
      streams,
      receivedBytes: received,
      sentBytes: sent,
      inflightBytes: this.#options.budget.grantedBytes,
      waitingForMemory: this.#options.budget.waiting,
    };
  }

  /** Stops listening; open connections are served as before. */
  stopListening(): void {
    const listeners = [...this.#listeners.keys()];
    this.#listeners.clear();
    for (const listener of listeners) listener.close();
  }

  /** Stops accepting, lets running calls finish for at most `graceMs`, then closes what is left. Streaming calls end at once. */
  async shutdown(graceMs: number): Promise<void> {
    this.stopListening();
    this.#leaving.abort();
    this.#streamingCalls.leave();
    for (const socket of this.#greeting) socket.close();
    await Promise.all([...this.#connections].map((connection) => connection.shutdown(graceMs)));
    await Promise.all(this.#tasks);
  }

  #startAccepting(listener: AnyListener): void {
    const task = this.#accept(listener);
    this.#accepting.add(task);
    task.finally(() => this.#accepting.delete(task));
    this.#run(task);
  }

  #run(task: Promise<void>): void {
    this.#tasks.add(task);
    task.finally(() => this.#tasks.delete(task));
  }

  async #accept(listener: AnyListener): Promise<void> {
    for (let count = 1; this.#listeners.has(listener); count++) {
      try {
        this.#run(this.#admit(await listener.accept()));
      } catch (error) {
        if (!this.#listeners.has(listener) || error instanceof Deno.errors.BadResource) return;
        if (!isOfOneConnection(error)) await pause(ACCEPT_PAUSE_MS, this.#leaving.signal);
      }
      if (count % ACCEPTS_PER_TURN === 0) await this.#turns.wait();
    }
  }

  async #admit(conn: Deno.Conn): Promise<void> {
    const socket = "handshake" in conn ? new TlsSocket(conn as Deno.TlsConn) : conn;
    if (this.#leaving.signal.aborted || !this.#makeRoom()) return socket.close();
    if ("setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
    using _ = this.#count.enter();
    if (socket instanceof TlsSocket) {
      this.#greeting.add(socket);
      const isGood = await socket.handshake(this.#options.http2.prefaceTimeoutMs);
      this.#greeting.delete(socket);
      if (!isGood) return;
    }
    await this.#serve(socket, peerName(conn));
  }

  /** Returns whether one more connection may be served: the longest idle one of this thread gives way if there are too many. */
  #makeRoom(): boolean {
    if (this.#count.all < this.#options.connectionsMax) return true;
    let longest: Http2Connection | undefined;
    for (const connection of this.#connections) {
      const { idleSinceMs = Infinity } = connection;
      if (idleSinceMs < (longest?.idleSinceMs ?? Infinity)) longest = connection;
    }
    if (longest === undefined || this.#count.all >= this.#options.connectionsMax + GIVING_WAY_MAX) return false;
    longest.shutdown(GIVE_WAY_MS);
    return true;
  }

  async #serve(socket: Http2Socket, peer: string): Promise<void> {
    const connection = new Http2Connection(socket, {
      limits: this.#options.http2,
      peer,
      onRequest: this.#onRequest,
      headersTooLarge: METADATA_TOO_LARGE,
      turns: this.#turns,
    });
    this.#connections.add(connection);
    this.#acceptedConnections++;
    try {
      await connection.serve();
    } finally {
      this.#connections.delete(connection);
      this.#closedBytes.received += connection.bytesRead;
      this.#closedBytes.sent += connection.bytesWritten;
    }
  }

  readonly #onRequest = (stream: Http2Stream, headers: RequestHeaders, endStream: boolean): StreamListener => {
    const head = requestHead(headers);
    if ("refusal" in head) return refuse(stream, head.refusal);
    const method = this.#methods.get(head.path);
    if (method === undefined) {
      const error = new ServingError(CODE.UNIMPLEMENTED, `Method ${head.path} is not implemented`);
      return refuse(stream, trailersOnly(error, head.replyFields));
    }
    if ("handle" in method && method.changesConfiguration === true) {
      try {
        checkConfigAccess(this.#options.configAccess, stream.peer);
      } catch (error) {
        return refuse(stream, trailersOnly(toServingError(error), head.replyFields));
      }
    }
    const call = "open" in method
      ? new StreamingCall(stream, { head, method, options: this.#options })
      : new UnaryCall(stream, { head, method, options: this.#options });
    if (endStream) call.onData(NO_DATA, true);
    return call;
  };
}

/** Replies with one header block and ignores the rest of the request. */
function refuse(stream: Http2Stream, block: Uint8Array): StreamListener {
  stream.sendHeaders(block, true);
  return IGNORE;
}

const IGNORE: StreamListener = { onData: ignore, onTrailers: ignore, onReset: ignore };

function ignore(): void {}

/** Whether an accept failed because of that connection: its client has left already, for instance. */
function isOfOneConnection(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted;
}

/** Waits for a time, or until a signal is aborted. */
async function pause(pauseMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  const timer = setTimeout(end, pauseMs);
  signal.addEventListener("abort", end);
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
}
