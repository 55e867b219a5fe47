/**
 * Arguments to a command, and what goes wrong to one sentence and an exit code.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { modelCommand } from "./model.ts";

/** Exit codes: the program failed; it was called wrongly. */
const FAILURE = 1;
const USAGE = 2;

/**
 * Runs the command that arguments name until it is done.
 *
 * @returns the exit code; what failed has been said on standard error, in one sentence.
 */
export async function run(args: readonly string[]): Promise<number> {
  const program = new Command("ovserve")
    .description("Serves OpenVINO models over the TensorFlow Serving API")
    .helpCommand(false)
    .action(() => {
      throw new CommanderError(
        USAGE,
        "ovserve.noCommand",
        "no command given: say what to do, as in ovserve model --help",
      );
    });
  program.addCommand(modelCommand());
  for (const command of [program, ...program.commands]) {
    command.exitOverride().allowExcessArguments(false).configureOutput({ writeErr: () => {} });
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      complain(
        `${sentence(error.message)} (ovserve ${
          args[0]?.startsWith("-") === false ? `${args[0]} ` : ""
        }--help lists the flags)`,
      );
      return USAGE;
    }
    complain(sentence(error instanceof Error ? error.message : String(error)));
    return FAILURE;
  }
}

function complain(message: string): void {
  console.error(`ovserve: ${message}`);
}

/** Without commander's own preamble, and on one line. */
function sentence(message: string): string {
  return message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
}
