/**
 * `ovserve check`: reports what a server with the same arguments would serve, and what is wrong, without serving.
 *
 * @module
 */
import type { Config } from "../../config/config.ts";
import { checkConfig } from "../check_report.ts";
import { closingLines, engineLines, failureSentence, modelLines } from "../check_text.ts";
import { readFlags, type Texts } from "../flags/flag.ts";
import { FORMAT_FLAG } from "../flags/peer_flags.ts";

/** Flags of every check, besides those of the command that is checked. */
export const CHECK_FLAGS = { format: FORMAT_FLAG };

/**
 * Checks a configuration and prints a report.
 *
 * @throws {Error} with a sentence if something would not be served.
 */
export async function check(config: Config, texts: Texts): Promise<void> {
  const { format } = readFlags(CHECK_FLAGS, texts);
  const isText = format === "text";
  const report = await checkConfig(
    config,
    isText ? { onEngine: (engine) => print(engineLines(engine)), onModel: (model) => print(modelLines(model)) } : {},
  );
  print(isText ? closingLines(report) : [JSON.stringify(report, undefined, 2)]);
  const failure = failureSentence(report);
  if (failure !== undefined) throw new Error(failure);
}

function print(lines: readonly string[]): void {
  // deno-lint-ignore no-console
  for (const line of lines) console.log(line);
}
