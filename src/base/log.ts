/**
 * One line on standard error for each thing that happened, as JSON for machines or as text for people. The only place that
 * writes a log.
 *
 * @module
 */
import { type Logger, pino } from "pino";

/** How grave an event is, in rising order. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** How grave an event is. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What is known of an event besides its name. Undefined values are left out. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes events at or above a level. Events are nouns and past participles: `version loaded`. */
export class Log {
  readonly #pino: Logger;

  constructor(options: { level: LogLevel; format: "json" | "text"; write?: (line: string) => void }) {
    const write = options.write ?? writeToStderr;
    this.#pino = pino({
      level: pinoLevel(options.level),
      base: null,
      messageKey: "event",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label === "warn" ? "warning" : label }) },
    }, { write: options.format === "json" ? write : (line) => write(`${formatLine(JSON.parse(line))}\n`) });
  }

  /** Of use to those who work on the program. */
  debug(event: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, event);
  }

  /** A change of state an operator may want to know. */
  info(event: string, fields: LogFields = {}): void {
    this.#pino.info(fields, event);
  }

  /** Something is not as it should be; service goes on. */
  warning(event: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, event);
  }

  /** Something failed. */
  error(event: string, fields: LogFields = {}): void {
    this.#pino.error(fields, event);
  }
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

const encoder = new TextEncoder();

function writeToStderr(line: string): void {
  try {
    Deno.stderr.writeSync(encoder.encode(line));
  } catch {
    // A log that cannot be written, its pipe broken or its disk full, must not end the service.
  }
}
