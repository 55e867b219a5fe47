/**
 * The gRPC server: listens, gives each connection to HTTP/2 and each stream to a call of the method it names.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import { Http2Connection } from "../http2/connection.ts";
import type { Http2Stream, RequestHeaders, StreamListener } from "../http2/http2.ts";
import type { Http2Limits } from "../http2/limits.ts";
import { type CallOptions, type Method, ServerCall } from "./call.ts";
import { InflightBudget } from "./inflight_budget.ts";
import { MessageBuffers } from "./message_buffers.ts";
import { requestHead, trailersOnly } from "./request_head.ts";

/** Where to listen: a TCP address, with TLS when there is a certificate, or a Unix socket. */
export type Endpoint =
  | { readonly hostname: string; readonly port: number; readonly tls?: { readonly cert: string; readonly key: string } }
  | { readonly path: string };

/** How a server behaves. */
export interface GrpcServerOptions extends Omit<CallOptions, "buffers" | "budget"> {
  readonly http2: Http2Limits;
  /** Connections past this many are closed as they come. */
  readonly connectionsMax: number;
  /** What large messages may take of memory together; past it clients are held back (`--max_inflight_bytes`). */
  readonly inflightBytesMax: number;
}

/** Memory kept for the large messages to come. */
const IDLE_BUFFER_BYTES_MAX = 64 << 20;

/** How long accepting rests when the system refuses a connection, as it does when file descriptors run out. */
const ACCEPT_PAUSE_MS = 100;

type AnyListener = Deno.Listener<Deno.Conn>;

/** Serves methods over gRPC until it is shut down. */
export class GrpcServer {
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #options: GrpcServerOptions & CallOptions;
  readonly #listeners = new Set<AnyListener>();
  readonly #connections = new Set<Http2Connection>();
  readonly #tasks = new Set<Promise<void>>();
  #isLeaving = false;

  constructor(methods: readonly Method[], options: GrpcServerOptions) {
    this.#methods = new Map(methods.map((method) => [method.path, method]));
    this.#options = {
      ...options,
      buffers: new MessageBuffers({ idleBytesMax: IDLE_BUFFER_BYTES_MAX }),
      budget: new InflightBudget({ bytesMax: options.inflightBytesMax }),
    };
  }

  /**
   * Takes an endpoint, one of several perhaps. Connections wait until {@link accept}.
   *
   * @returns the address listened on, with the port the system chose when 0 was asked for.
   * @throws {Deno.errors.AddrInUse} and what else the system says.
   */
  listen(endpoint: Endpoint): Deno.Addr {
    const listener = openListener(endpoint);
    this.#listeners.add(listener);
    return listener.addr;
  }

  /** Starts to accept connections. */
  accept(): void {
    for (const listener of this.#listeners) this.#run(this.#accept(listener));
  }

  /** How many connections are open. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Accepts no more, lets running calls finish for `graceMs` at the most, then closes what is left. */
  async shutdown(graceMs: number): Promise<void> {
    this.#isLeaving = true;
    for (const listener of this.#listeners) listener.close();
    await Promise.all([...this.#connections].map((connection) => connection.shutdown(graceMs)));
    await Promise.all(this.#tasks);
  }

  #run(task: Promise<void>): void {
    this.#tasks.add(task);
    task.finally(() => this.#tasks.delete(task));
  }

  async #accept(listener: AnyListener): Promise<void> {
    while (!this.#isLeaving) {
      try {
        const socket = await listener.accept();
        this.#run(this.#serve(socket));
      } catch (error) {
        if (this.#isLeaving || error instanceof Deno.errors.BadResource) return;
        // A handshake that failed or a system out of descriptors ends one connection, not the server.
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  async #serve(socket: Deno.Conn): Promise<void> {
    if (this.#isLeaving || this.#connections.size >= this.#options.connectionsMax) return socket.close();
    if ("setNoDelay" in socket) (socket as Deno.TcpConn).setNoDelay(true);
    const connection = new Http2Connection(socket, {
      limits: this.#options.http2,
      peer: peerName(socket.remoteAddr),
      onRequest: this.#onRequest,
    });
    this.#connections.add(connection);
    try {
      await connection.serve();
    } finally {
      this.#connections.delete(connection);
    }
  }

  readonly #onRequest = (stream: Http2Stream, headers: RequestHeaders, endStream: boolean): StreamListener => {
    const head = requestHead(headers);
    if ("refusal" in head) return refuse(stream, head.refusal);
    const method = this.#methods.get(head.path);
    if (method === undefined) {
      const error = new ServingError(CODE.UNIMPLEMENTED, `Method ${head.path} is not implemented`);
      return refuse(stream, trailersOnly(error));
    }
    const call = new ServerCall(stream, { head, method, options: this.#options });
    if (endStream) call.onData(new Uint8Array(0), true);
    return call;
  };
}

/** Answers with one header block and hears nothing more. */
function refuse(stream: Http2Stream, block: Uint8Array): StreamListener {
  stream.sendHeaders(block, true);
  return DEAF;
}

const DEAF: StreamListener = { onData: ignore, onTrailers: ignore, onReset: ignore };

function ignore(): void {}

function openListener(endpoint: Endpoint): AnyListener {
  if ("path" in endpoint) return Deno.listen({ transport: "unix", path: endpoint.path });
  const { hostname, port, tls } = endpoint;
  if (tls === undefined) return Deno.listen({ hostname, port });
  return Deno.listenTls({ hostname, port, cert: tls.cert, key: tls.key, alpnProtocols: ["h2"] });
}

function peerName(address: Deno.Addr): string {
  if (address.transport === "tcp") return `${address.hostname}:${address.port}`;
  return address.transport === "unix" ? `unix:${address.path}` : address.transport;
}
