/**
 * One line on standard error for each thing that happened, as JSON for machines or as text for people. The only place that
 * writes a log. Nobody waits for it to be written.
 *
 * @module
 */
import { type Logger, pino } from "pino";
import { type LineTarget, LineWriter } from "./line_writer.ts";
import { RepeatFilter } from "./repeat_filter.ts";

/** How grave an event is, in rising order. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** How grave an event is. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What is known of an event besides its name. Undefined values are left out. */
export type LogFields = Readonly<Record<string, unknown>>;

/** How a log is written. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "json" | "text";
  /** Takes the lines in place of standard error. */
  readonly write?: (line: string) => void;
  /** Takes them as they are gathered to be written, in place of standard error. */
  readonly target?: LineTarget;
}

/** The same complaint is written so often a minute; then it is counted. */
const REPEATS_MAX = 5;

/** How long a process that ends waits for its log to be taken. */
const FLUSH_TIMEOUT_MS = 1000;

const decoder = new TextDecoder();

/** Writes events at or above a level. Events are nouns and past participles: `version loaded`. */
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

  /** Of use to those who work on the program. */
  debug(event: string, fields: LogFields = {}): void {
    this.#events.debug(fields, event);
  }

  /** A change of state an operator may want to know. */
  info(event: string, fields: LogFields = {}): void {
    this.#events.info(fields, event);
  }

  /** Something is not as it should be; service goes on. What is said over and over is told a few times a minute. */
  warning(event: string, fields: LogFields = {}): void {
    const told = this.#unlessRepeated(event, fields);
    if (told !== undefined) this.#events.warn(told, event);
  }

  /**
   * Something failed. What is said over and over is told a few times a minute.
   *
   * @param own what is known of this one time only, such as a request's id: it does not make it something else.
   */
  error(event: string, fields: LogFields = {}, own: LogFields = {}): void {
    const told = this.#unlessRepeated(event, fields);
    if (told !== undefined) this.#events.error({ ...told, ...own }, event);
  }

  /** A request that is over, whatever the level: for those who have asked to see them. Written a little later, with others. */
  request(fields: LogFields): void {
    this.#requests.info(fields, "request");
  }

  /** Writes lines that the log of another thread has gathered, whole. */
  relay(lines: Uint8Array): void {
    this.#stderr.write(decoder.decode(lines));
  }

  /** How many lines were dropped because standard error did not take them. */
  get droppedLines(): number {
    return this.#stderr.dropped;
  }

  /** Resolves when all is written, or cannot be within a second. */
  async flush(): Promise<void> {
    await this.#stderr.flush(FLUSH_TIMEOUT_MS);
  }

  #unlessRepeated(event: string, fields: LogFields): LogFields | undefined {
    const heldBack = this.#repeats.admit(`${event} ${JSON.stringify(fields)}`);
    if (heldBack === undefined) return undefined;
    return heldBack === 0 ? fields : { ...fields, repeated: heldBack };
  }
}

function newLogger({ level, format }: LogOptions, write: (line: string) => void): Logger {
  return pino({
    level: pinoLevel(level),
    base: null,
    messageKey: "event",
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label === "warn" ? "warning" : label }) },
  }, { write: format === "json" ? write : (line) => write(`${formatLine(JSON.parse(line))}\n`) });
}

function pinoLevel(level: LogLevel): string {
  return level === "warning" ? "warn" : level;
}

function formatLine({ time, level, event, ...fields }: Record<string, unknown>): string {
  const shown = Object.entries(fields).map(([name, value]) => {
    const isPlain = typeof value === "string" && /^[^\s"=]+$/.test(value);
    return ` ${name}=${isPlain ? value : JSON.stringify(value)}`;
  });
  return `${time} ${String(level).padEnd(7)} ${event}${shown.join("")}`;
}
