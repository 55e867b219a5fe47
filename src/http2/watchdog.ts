/**
 * The one timer of a connection: checks periodically what has made no progress for too long. It decides; the connection acts.
 *
 * @module
 */
import { ChangeTimer } from "./change_timer.ts";
import { calmError, type ConnectionError, ERROR_CODE } from "./frames.ts";
import type { Http2Limits } from "./limits.ts";
import type { Receiver } from "./receiver.ts";
import type { StreamTable } from "./streams/stream_table.ts";

const TICK_MS_MAX = 1000;
const TICK_MS_MIN = 5;
/** Checks within the shortest timeout. */
const CHECKS_PER_TIMEOUT = 4;

/** What the watchdog checks. */
export interface Watched {
  readonly streams: StreamTable;
  readonly receiver: Receiver;
  readonly bytesRead: number;
}

/** What to do: send a PING, close at once, shut down gracefully, or fail with an error. */
export type Verdict = "fine" | "ping" | "dead" | "idle" | ConnectionError;

/** Watches one connection. */
export class Watchdog {
  readonly #limits: Http2Limits;
  readonly #onTick: () => void;
  #tickMs: number;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** When it last checked, and the time it has counted; time in which the process could not run counts for little. */
  #lastMs = 0;
  #clockMs = 0;
  #checkedMs = 0;
  #pingedAtBytes = -1;
  #pingedAtMs = 0;
  readonly #reading = new ChangeTimer();
  readonly #writing = new ChangeTimer();
  readonly #headers = new ChangeTimer();
  readonly #idling = new ChangeTimer();

  constructor(limits: Http2Limits, onTick: () => void) {
    this.#limits = limits;
    this.#onTick = onTick;
    const timeouts = [
      limits.prefaceTimeoutMs,
      limits.headersTimeoutMs,
      limits.writeTimeoutMs,
      limits.stallTimeoutMs,
      limits.idleTimeoutMs,
      limits.keepaliveIntervalMs,
      limits.keepaliveTimeoutMs,
    ];
    this.#tickMs = tickFor(Math.min(...timeouts.filter((ms) => ms > 0)));
  }

  start(): void {
    this.#lastMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), this.#tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Checks often enough from now on for this timeout too. */
  hurry(timeoutMs: number): void {
    const tickMs = tickFor(timeoutMs);
    if (this.#timer === undefined || tickMs >= this.#tickMs) return;
    clearInterval(this.#timer);
    this.#tickMs = tickMs;
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Whether the socket has accepted nothing for too long; `bytesWritten` is NaN while nothing is written. */
  isWriteStuck(bytesWritten: number): boolean {
    return isOver(this.#writing.of(bytesWritten, this.#clockMs), this.#limits.writeTimeoutMs);
  }

  /** Checks everything else, and does what needs no verdict: refills buckets, trims buffers, resets stalled streams. */
  check(watched: Watched): Verdict {
    const { streams, receiver } = watched;
    const limits = this.#limits;
    const nowMs = this.#clockMs;
    receiver.elapse(nowMs - this.#checkedMs);
    this.#checkedMs = nowMs;
    streams.sender.outgoing.trim();
    this.#resetStalled(streams, nowMs);
    if (!receiver.hasSettings) return isOver(nowMs, limits.prefaceTimeoutMs) ? "dead" : "fine";
    if (isOver(this.#headers.of(receiver.blockInProgress || Number.NaN, nowMs), limits.headersTimeoutMs)) {
      return calmError(`Header block took longer than ${limits.headersTimeoutMs} ms`);
    }
    if (isOver(this.#idling.of(streams.size === 0 ? streams.lastId : Number.NaN, nowMs), limits.idleTimeoutMs)) {
      return "idle";
    }
    return this.#checkLife(nowMs, watched.bytesRead);
  }

  #tick(): void {
    const nowMs = performance.now();
    // After a pause of the whole process, what the peer sent meanwhile must be read before timeouts apply.
    this.#clockMs += Math.min(nowMs - this.#lastMs, this.#tickMs * 2);
    this.#lastMs = nowMs;
    this.#onTick();
  }

  #checkLife(nowMs: number, bytesRead: number): Verdict {
    const { keepaliveIntervalMs, keepaliveTimeoutMs } = this.#limits;
    const silentMs = this.#reading.of(bytesRead, nowMs);
    if (!isOver(silentMs, keepaliveIntervalMs)) return "fine";
    if (this.#pingedAtBytes === bytesRead) {
      return isOver(nowMs - this.#pingedAtMs, keepaliveTimeoutMs) ? "dead" : "fine";
    }
    this.#pingedAtBytes = bytesRead;
    this.#pingedAtMs = nowMs;
    return "ping";
  }

  #resetStalled(streams: StreamTable, nowMs: number): void {
    const { stallTimeoutMs } = this.#limits;
    for (const stream of [...streams.sender.waiting]) {
      if (isOver(stream.stalledMs(nowMs), stallTimeoutMs)) streams.abort(stream, ERROR_CODE.CANCEL);
    }
  }
}

function tickFor(timeoutMs: number): number {
  return Math.max(TICK_MS_MIN, Math.min(TICK_MS_MAX, timeoutMs / CHECKS_PER_TIMEOUT));
}

function isOver(ms: number, timeoutMs: number): boolean {
  return timeoutMs > 0 && ms >= timeoutMs;
}
