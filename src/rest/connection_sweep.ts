/**
 * Bounds the connections to the REST ports. Deno's server accepts any number of them, ends none that is silent (not one that sends
 * half a header, nor one that has sent nothing at all), and does not tell of them: they are looked for among the process's sockets
 * now and then, on Linux.
 *
 * @module
 */
import { sweepConnections } from "../system/tcp_sockets.ts";

/** How much and how long. */
export interface ConnectionSweepOptions {
  /** Connections past this many are hung up on (`--rest_max_connections`). */
  readonly connectionsMax: number;
  /** A connection without a request is hung up on after this long; 0 for never (`--rest_max_connection_idle_seconds`). */
  readonly idleTimeoutMs: number;
  readonly now?: () => number;
}

/** How often is looked. */
const INTERVAL_MS = 5_000;

/** A connection that nothing is asked on. */
interface Idle {
  readonly sinceMs: number;
  /** Whether it has ever been asked anything. */
  readonly wasAsked: boolean;
}

/**
 * Knows clients' connections by their ports, and hangs up on those that are too quiet or too many. Of two clients on different hosts with the same
 * port, either's request counts for both. Disposing it ends the looking.
 */
export class ConnectionSweep implements Disposable {
  readonly #options: Required<ConnectionSweepOptions>;
  readonly #localPorts = new Set<number>();
  /** Requests under way by clients' ports. */
  readonly #busy = new Map<number, number>();
  readonly #idle = new Map<number, Idle>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: ConnectionSweepOptions) {
    this.#options = { now: () => performance.now(), ...options };
  }

  /** Looks at connections to a local port from now on, too. */
  watch(localPort: number): void {
    this.#localPorts.add(localPort);
    this.#timer ??= setInterval(() => sweepConnections(this.#localPorts, (ports) => this.choose(ports)), INTERVAL_MS);
  }

  /** A request has come from a client's port. */
  begin(port: number): void {
    this.#busy.set(port, (this.#busy.get(port) ?? 0) + 1);
  }

  /** It is answered. `isSpoiled` says that nothing more can come on its connection, which is of no use then. */
  end(port: number, { isSpoiled }: { isSpoiled: boolean }): void {
    const count = (this.#busy.get(port) ?? 1) - 1;
    if (count > 0) this.#busy.set(port, count);
    else this.#busy.delete(port);
    this.#idle.set(port, { sinceMs: isSpoiled ? -Infinity : this.#options.now(), wasAsked: true });
  }

  /**
   * Says on which connections to hang up: those that have been quiet for too long, and past the bound those that have never asked
   * anything, then those that have been quiet longest. None with a request under way: requests have a bound of their own.
   *
   * @param ports of the clients of all connections there are.
   */
  choose(ports: readonly number[]): ReadonlySet<number> {
    const { connectionsMax, idleTimeoutMs } = this.#options;
    const nowMs = this.#options.now();
    const present = new Set(ports);
    for (const port of this.#idle.keys()) {
      if (!present.has(port)) this.#idle.delete(port);
    }
    const quiet: [port: number, idle: Idle][] = [];
    for (const port of present) {
      if (this.#busy.has(port)) continue;
      const idle = this.#idle.get(port) ?? { sinceMs: nowMs, wasAsked: false };
      this.#idle.set(port, idle);
      quiet.push([port, idle]);
    }
    quiet.sort(([, a], [, b]) => Number(a.wasAsked) - Number(b.wasAsked) || a.sinceMs - b.sinceMs);
    const excess = ports.length - connectionsMax;
    const chosen = quiet.filter(([, { sinceMs }], i) =>
      i < excess || sinceMs === -Infinity || (idleTimeoutMs > 0 && nowMs - sinceMs >= idleTimeoutMs)
    );
    return new Set(chosen.map(([port]) => port));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
