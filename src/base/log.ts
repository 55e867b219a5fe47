/**
 * The log: one line on standard error per event, as JSON for machines or as text for people. Writing never blocks the caller.
 *
 * @module
 */
import { type Logger, pino } from "pino";
import { type LineTarget, LineWriter } from "./line_writer.ts";
import { RepeatFilter } from "./repeat_filter.ts";

/** Severities, in ascending order. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** Severity of an event. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields of an event. Undefined values are left out. */
export type LogFields = Readonly<Record<string, unknown>>;

/** How a log is written. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "json" | "text";
  /** Receives each line in place of standard error. */
  readonly write?: (line: string) => void;
  /** Receives buffered lines in place of standard error. */
  readonly target?: LineTarget;
}

/** How often a minute the same warning or error is written; further ones are only counted. */
const REPEATS_MAX = 5;

/** How long an ending process waits for its log to be written. */
const FLUSH_TIMEOUT_MS = 1000;

const decoder = new TextDecoder();

/** Writes events at or above a level. An event is a noun and a past participle: `version loaded`. */
export class Log {
  readonly #events: Logger;
  readonly #requests: Logger;
  readonly #repeats = new RepeatFilter({ repeatsMax: REPEATS_MAX, periodMs: 60_000, keysMax: 256 });
  readonly #stderr: LineWriter;

  constructor(options: LogOptions) {
    const { write } = options;
    this.#stderr = new LineWriter(options.target ?? Deno.stderr);
    this.#events = newLogger(options, write ?? ((line) => this.#stderr.write(line)));
    this.#requests = newLogger({ ...options, level: "info" }, write ?? ((line) => this.#stderr.writeLater(line)));
  }

  /** Logs an event for developers. */
  debug(event: string, fields: LogFields = {}): void {
    this.#events.debug(fields, event);
  }

  /** Logs a change of state for operators. */
  info(event: string, fields: LogFields = {}): void {
    this.#events.info(fields, event);
  }

  /** Logs a problem that does not affect service. Repetitions are limited to a few a minute. */
  warning(event: string, fields: LogFields = {}): void {
    const kept = this.#unlessRepeated(event, fields);
    if (kept !== undefined) this.#events.warn(kept, event);
  }

  /**
   * Logs a failure. Repetitions are limited to a few a minute.
   *
   * @param own fields of this occurrence alone, such as a request's id; they do not count when repetitions are compared.
   */
  error(event: string, fields: LogFields = {}, own: LogFields = {}): void {
    const kept = this.#unlessRepeated(event, fields);
    if (kept !== undefined) this.#events.error({ ...kept, ...own }, event);
  }

  /** Logs a finished request, at any level. Buffered, to be written together with others. */
  request(fields: LogFields): void {
    this.#requests.info(fields, "request");
  }

  /** Writes complete lines that another thread's log has buffered. */
  relay(lines: Uint8Array): void {
    this.#stderr.write(decoder.decode(lines));
  }

  /** Number of lines dropped because standard error was blocked. */
  get droppedLines(): number {
    return this.#stderr.dropped;
  }

  /** Resolves when everything is written, or after a second. */
  async flush(): Promise<void> {
    await this.#stderr.flush(FLUSH_TIMEOUT_MS);
  }

  #unlessRepeated(event: string, fields: LogFields): LogFields | undefined {
    const suppressed = this.#repeats.admit(`${event} ${JSON.stringify(fields)}`);
    if (suppressed === undefined) return undefined;
    return suppressed === 0 ? fields : { ...fields, repeated: suppressed };
  }
}

function newLogger({ level, format }: LogOptions, write: (line: string) => void): Logger {
  return pino({
    level: pinoLevel(level),
    base: null,
    messageKey: "event",
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label === "warn" ? "warning" : label }) },
  }, { write: (line) => write(visible(format === "json" ? line : `${formatLine(JSON.parse(line))}\n`)) });
}

function pinoLevel(level: LogLevel): string {
  return level === "warning" ? "warn" : level;
}

/** Texts that need no quotes: no space, quote, equals sign or control character. */
const PLAIN_REGEXP = /^[^\s"=\p{Cc}]+$/u;

/** Control characters that JSON leaves alone, and those that turn the direction of text. A terminal would act on them. */
const UNSAFE_REGEXP = /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Escapes what a terminal would act on: names and ids of requests are clients' texts. */
function visible(line: string): string {
  return line.replace(UNSAFE_REGEXP, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function formatLine({ time, level, event, ...fields }: Record<string, unknown>): string {
  const shown = Object.entries(fields).map(([name, value]) => {
    const isPlain = typeof value === "string" && PLAIN_REGEXP.test(value);
    return ` ${name}=${isPlain ? value : JSON.stringify(value)}`;
  });
  return `${time} ${String(level).padEnd(7)} ${event}${shown.join("")}`;
}
