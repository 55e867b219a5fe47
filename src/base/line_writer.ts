/**
 * Writes lines in the background to a target that may be slow or blocked.
 *
 * @module
 */
import { within } from "./timer.ts";

/** A file or a pipe. */
export interface LineTarget {
  /** Writes at least the first of some bytes, and returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** How lines are written. */
export interface LineWriterOptions {
  /** Characters that may be pending; further lines are dropped and counted. */
  readonly pendingCharactersMax?: number;
  /** How long {@link LineWriter.writeLater} buffers lines. */
  readonly gatherMs?: number;
}

/** Buffered lines are written when they reach this size. */
const GATHERED_CHARACTERS_MAX = 16_384;

const encoder = new TextEncoder();

/** Writes lines in order, many at a time if they come fast. Errors are ignored: they must not end the service. */
export class LineWriter {
  readonly #target: LineTarget;
  readonly #options: Required<LineWriterOptions>;
  #pending: string[] = [];
  #pendingCharacters = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(target: LineTarget, options: LineWriterOptions = {}) {
    this.#target = target;
    this.#options = { pendingCharactersMax: 1 << 20, gatherMs: 100, ...options };
  }

  /** Number of lines dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Writes a line, which includes its line end, as soon as possible. */
  write(line: string): void {
    if (this.#add(line)) this.#start();
  }

  /** Writes a line, which includes its line end, together with others that come soon. */
  writeLater(line: string): void {
    if (!this.#add(line)) return;
    if (this.#pendingCharacters >= GATHERED_CHARACTERS_MAX) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), this.#options.gatherMs);
  }

  /** Resolves when everything is written, or after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    this.#start();
    if (this.#writing === undefined) return;
    await within(this.#writing, timeoutMs);
  }

  #add(line: string): boolean {
    if (this.#pendingCharacters + line.length > this.#options.pendingCharactersMax) {
      this.#dropped++;
      return false;
    }
    this.#pending.push(line);
    this.#pendingCharacters += line.length;
    return true;
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.length > 0) this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const bytes = encoder.encode(this.#pending.join(""));
      this.#pending = [];
      this.#pendingCharacters = 0;
      try {
        for (let at = 0; at < bytes.length;) at += await this.#target.write(bytes.subarray(at));
      } catch {
        // The pipe is broken or the disk full.
      }
    }
    this.#writing = undefined;
  }
}
