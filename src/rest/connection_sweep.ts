/**
 * Limits the connections to the REST ports. Deno's server accepts any number of connections, keeps silent ones open forever, even
 * inside a header, and does not expose them. On Linux they are found among the sockets of the process, every few seconds.
 *
 * @module
 */
import { sweepConnections } from "../system/tcp_sockets.ts";

/** The limits. */
export interface ConnectionSweepOptions {
  /** Connections beyond this number are closed (`--rest_max_connections`). */
  readonly connectionsMax: number;
  /** A connection is closed after this long without a request; 0 means never (`--rest_max_connection_idle_seconds`). */
  readonly idleTimeoutMs: number;
  readonly now?: () => number;
}

/** Time between sweeps. */
const INTERVAL_MS = 5_000;

/** A connection without a request in flight. */
interface Idle {
  readonly sinceMs: number;
  /** Whether it has carried a request. */
  readonly wasUsed: boolean;
}

/**
 * Closes connections that are idle for too long or too many. Connections are known by the client's port; if two hosts use the same
 * port, a request of either counts for both. Disposing it stops the sweeps.
 */
export class ConnectionSweep implements Disposable {
  readonly #options: Required<ConnectionSweepOptions>;
  readonly #localPorts = new Set<number>();
  /** Requests in flight by client port. */
  readonly #busy = new Map<number, number>();
  readonly #idle = new Map<number, Idle>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: ConnectionSweepOptions) {
    this.#options = { now: () => performance.now(), ...options };
  }

  /** Includes connections to a local port. */
  watch(localPort: number): void {
    this.#localPorts.add(localPort);
    this.#timer ??= setInterval(() => sweepConnections(this.#localPorts, (ports) => this.choose(ports)), INTERVAL_MS);
  }

  /** A request has arrived from a client's port. */
  requestStarted(port: number): void {
    this.#busy.set(port, (this.#busy.get(port) ?? 0) + 1);
  }

  /** The request has been answered. `isUnusable` says that its connection can carry no other request. */
  requestEnded(port: number, { isUnusable }: { isUnusable: boolean }): void {
    const count = (this.#busy.get(port) ?? 1) - 1;
    if (count > 0) this.#busy.set(port, count);
    else this.#busy.delete(port);
    this.#idle.set(port, { sinceMs: isUnusable ? -Infinity : this.#options.now(), wasUsed: true });
  }

  /**
   * Chooses the connections to close: those that are idle for too long and, beyond the limit, first those that never carried a
   * request, then those that are idle longest. A connection with a request in flight is never chosen: requests have their own limit.
   *
   * @param ports client ports of all open connections.
   */
  choose(ports: readonly number[]): ReadonlySet<number> {
    const { connectionsMax, idleTimeoutMs } = this.#options;
    const nowMs = this.#options.now();
    const present = new Set(ports);
    for (const port of this.#idle.keys()) {
      if (!present.has(port)) this.#idle.delete(port);
    }
    const idleConnections: [port: number, idle: Idle][] = [];
    for (const port of present) {
      if (this.#busy.has(port)) continue;
      const idle = this.#idle.get(port) ?? { sinceMs: nowMs, wasUsed: false };
      this.#idle.set(port, idle);
      idleConnections.push([port, idle]);
    }
    idleConnections.sort(([, a], [, b]) => Number(a.wasUsed) - Number(b.wasUsed) || a.sinceMs - b.sinceMs);
    const excess = ports.length - connectionsMax;
    const chosen = idleConnections.filter(([, { sinceMs }], i) =>
      i < excess || sinceMs === -Infinity || (idleTimeoutMs > 0 && nowMs - sinceMs >= idleTimeoutMs)
    );
    return new Set(chosen.map(([port]) => port));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
