/**
 * Reads configuration files of any format, with one kind of error: which file, where in it, and what is wrong.
 *
 * @module
 */
import { basename } from "node:path";
import { ConfigError, type Place } from "../base/config_error.ts";
import { CODE, detailOf, ServingError } from "../base/status.ts";

/**
 * A configuration file that cannot be used. The detail is a sentence that begins with its path and the place in it, or is about it;
 * the message, which clients may see, names the file without its folder.
 */
export class ConfigFileError extends ServingError {
  /**
   * @param problem `missing` if there is no such file, `unreadable`, or `invalid` if its content cannot be used.
   * @param place where in the file.
   */
  constructor(
    readonly problem: "missing" | "unreadable" | "invalid",
    { message, detail, place, cause }: { message: string; detail: string; place?: Place | undefined; cause: unknown },
  ) {
    super(CODE.INVALID_ARGUMENT, message, { detail, cause });
    this.place = place;
  }

  readonly place: Place | undefined;
}

/** @throws {ConfigFileError} if the file cannot be read. */
export async function readConfigText(path: string): Promise<string> {
  const name = basename(path);
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new ConfigFileError("missing", { message: `Cannot find ${name}`, detail: `Cannot find ${path}`, cause });
    }
    const isDenied = cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable;
    const detail = `Cannot read ${path}: ${isDenied ? "permission denied" : detailOf(cause)}`;
    throw new ConfigFileError("unreadable", { message: `Cannot read ${name}`, detail, cause });
  }
}

/**
 * Parses the text of a file. `parse` throws a {@link ConfigError} for what cannot be used.
 *
 * @throws {ConfigFileError} with the place in the file.
 */
export function parseConfigText<T>(path: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const { place } = cause;
    const complaint = `${place === undefined ? "" : `:${place.line}:${place.column}`}: ${cause.message}`;
    const names = { message: `${basename(path)}${complaint}`, detail: `${path}${complaint}` };
    throw new ConfigFileError("invalid", { ...names, place, cause });
  }
}

/** Reads and parses a file; see {@link readConfigText} and {@link parseConfigText}. */
export async function readConfigFile<T>(path: string, parse: (text: string) => T): Promise<T> {
  return parseConfigText(path, await readConfigText(path), parse);
}
