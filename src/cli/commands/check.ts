/**
 * `ovserve check`: says what would be served with the arguments that serve, and what is wrong, without serving.
 *
 * @module
 */
import type { Config } from "../../config/config.ts";
import { checkConfig } from "../check_report.ts";
import { closingLines, engineLines, failureSentence, modelLines } from "../check_text.ts";
import { readFlags } from "../flags/flag.ts";
import { FORMAT_FLAG } from "../flags/peer_flags.ts";

/** What the check of any command takes besides the command's own flags. */
export const CHECK_FLAGS = { format: FORMAT_FLAG };

/**
 * Checks a configuration and prints what came of it.
 *
 * @throws {Error} with a sentence when something would not serve.
 */
export async function check(config: Config, texts: Readonly<Record<string, unknown>>): Promise<void> {
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
