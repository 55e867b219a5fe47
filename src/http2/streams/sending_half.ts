/**
 * The sending half of one stream: its window, and what waits for that window or for the socket. Only the sender changes it.
 *
 * @module
 */
import { ChangeTimer } from "../change_timer.ts";
import { WINDOW_BYTES_MAX } from "../frames.ts";

/** Something accepted for sending that has to wait: data, or the headers or trailers that follow data. */
export interface PendingRun {
  /** Owned. */
  readonly bytes: Uint8Array;
  readonly isHeaders: boolean;
  readonly endStream: boolean;
  /** How much of it has been sent. */
  offset: number;
}

/** What a stream has to send, in order. */
export class SendingHalf {
  readonly id: number;
  #window: number;
  #isFinished = false;
  #isEndSent = false;
  /** Undefined while nothing waits. */
  #pending: PendingRun[] | undefined = undefined;
  #bytesPending = 0;
  /** How long the data that waits has not moved; undefined until first asked for. */
  #stall: ChangeTimer | undefined = undefined;

  constructor(id: number, window: number) {
    this.id = id;
    this.#window = window;
  }

  /** Bytes of data the peer lets us send; negative after it lowered its initial window. */
  get window(): number {
    return this.#window;
  }

  /** Bytes of data that wait. */
  get bytesPending(): number {
    return this.#bytesPending;
  }

  /** Whether the layer above has sent its last; not all of it may have left. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Whether END_STREAM has been sent. */
  get isEndSent(): boolean {
    return this.#isEndSent;
  }

  /** What is sent next; undefined while nothing waits. */
  get next(): PendingRun | undefined {
    return this.#pending?.[0];
  }

  /** The layer above sends nothing more. */
  finish(): void {
    this.#isFinished = true;
  }

  /** END_STREAM has been sent. */
  endSent(): void {
    this.#isEndSent = true;
  }

  /** Moves the window. Returns false if it leaves its range. */
  moveWindow(change: number): boolean {
    this.#window += change;
    return this.#window <= WINDOW_BYTES_MAX;
  }

  /** Data of this length has been sent. */
  spendWindow(bytes: number): void {
    this.#window -= bytes;
  }

  /** Queues a run behind those that wait. */
  queue(run: PendingRun): void {
    if (this.#pending === undefined) this.#pending = [run];
    else this.#pending.push(run);
    if (!run.isHeaders) this.#bytesPending += run.bytes.length;
  }

  /** The first `bytes` of what is left of the next run go out; returns them. */
  take(run: PendingRun, bytes: number): Uint8Array {
    const start = run.offset;
    run.offset += bytes;
    this.#bytesPending -= bytes;
    return run.bytes.subarray(start, run.offset);
  }

  /** The next run has been sent. Returns whether it was the last that waited. */
  shift(): boolean {
    this.#pending?.shift();
    if (this.#pending === undefined || this.#pending.length > 0) return false;
    this.#pending = undefined;
    return true;
  }

  /** Drops what waits. Returns how many bytes of data that was. */
  dropPending(): number {
    const dropped = this.#bytesPending;
    this.#pending = undefined;
    this.#bytesPending = 0;
    return dropped;
  }

  /** Milliseconds since the amount of waiting data last changed, as of the calls of this method. */
  stalledMs(nowMs: number): number {
    return (this.#stall ??= new ChangeTimer()).of(this.#bytesPending, nowMs);
  }
}
