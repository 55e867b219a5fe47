/**
 * Shares one event loop between connections: a connection works for one turn, then lets all others that are ready go first.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Http2Limits } from "./limits.ts";

/** Frames between two looks at the clock. */
const FRAMES_PER_CHECK = 4;

/**
 * The connections of one thread that have used up their turns. In each round of the event loop one of them continues, so any number
 * of busy connections delays the others by one turn.
 */
export class TurnQueue {
  readonly #waiting: (() => void)[] = [];
  #round = 0;
  readonly #next = (): void => {
    this.#round++;
    this.#waiting.shift()?.();
    if (this.#waiting.length > 0) setImmediate(this.#next);
  };

  /** A number that changes with each round in which a connection continued. */
  get round(): number {
    return this.#round;
  }

  /** Resolves when the event loop has gone round and all connections that called this before have continued. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      // The event loop polls every socket between two immediates; reads alone, while data is there, never leave the microtasks.
      if (this.#waiting.push(resolve) === 1) setImmediate(this.#next);
    });
  }
}

/** What one connection has done in its turn: a number of frames, bytes and microseconds. */
export class Turn {
  readonly #queue: TurnQueue;
  readonly #framesMax: number;
  readonly #bytesMax: number;
  readonly #msMax: number;
  #round = 0;
  #frames = 0;
  #bytes = 0;
  #ms = 0;
  #sinceMs = 0;

  constructor(queue: TurnQueue, limits: Pick<Http2Limits, "turnFramesMax" | "turnBytesMax" | "turnMs">) {
    this.#queue = queue;
    this.#framesMax = limits.turnFramesMax;
    this.#bytesMax = limits.turnBytesMax;
    this.#msMax = limits.turnMs;
  }

  /** Whether the connection must {@link renew} its turn before it does more. */
  get isOver(): boolean {
    return this.#frames >= this.#framesMax || this.#bytes >= this.#bytesMax || this.#ms >= this.#msMax;
  }

  /** When the connection last started to work; 0 before. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** The connection starts to work. If others have continued since it last did, its turn is a new one. */
  start(): void {
    if (this.#round !== this.#queue.round) this.#clear();
    this.#sinceMs = performance.now();
  }

  /** The connection stops working. */
  stop(): void {
    this.#ms += performance.now() - this.#sinceMs;
  }

  /** Counts a frame. Returns whether the connection must stop working. */
  frame(): boolean {
    if (++this.#frames % FRAMES_PER_CHECK !== 0) return false;
    return this.#frames >= this.#framesMax || this.#ms + performance.now() - this.#sinceMs >= this.#msMax;
  }

  /** Counts bytes that were read or written. */
  bytes(count: number): void {
    this.#bytes += count;
  }

  /** Waits for the next turn. */
  async renew(): Promise<void> {
    await this.#queue.wait();
    this.#clear();
  }

  #clear(): void {
    this.#round = this.#queue.round;
    this.#frames = 0;
    this.#bytes = 0;
    this.#ms = 0;
  }
}
