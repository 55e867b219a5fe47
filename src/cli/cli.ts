/**
 * Arguments to a command, and what goes wrong to one sentence and an exit code.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { detailOf } from "../base/status.ts";
import type { Config, GrpcConfig } from "../config/config.ts";
import { configCommand, configConfig } from "./config.ts";
import { UsageError } from "./flag.ts";
import { addForeignFlags, judgeForeignFlags } from "./foreign_flags.ts";
import { healthCommand } from "./health.ts";
import { licensesCommand } from "./licenses.ts";
import { modelCommand, modelConfig } from "./model.ts";
import { sagemakerCommand, sagemakerConfig } from "./sagemaker.ts";
import { serve } from "./serve.ts";
import { addServerFlags, serverConfig } from "./server.ts";
import { SERVER_FLAGS } from "./server_flags.ts";
import { describeVersion } from "./version.ts";

/** Exit codes: the program failed; it was called wrongly. */
const FAILURE = 1;
const USAGE = 2;

/** What ie_serving's own lines begin with, where an image stands before them: `docker run IMAGE ie_serving model …`. */
const IE_SERVING = "ie_serving";

/**
 * Runs the command that arguments name until it is done.
 *
 * @returns the exit code; what failed has been said on standard error, in one sentence.
 */
export async function run(words: readonly string[]): Promise<number> {
  const args = withoutName(words);
  const program = newProgram(serve);
  const names = program.commands.flatMap((command) => [command.name(), ...command.aliases()]);
  const [first = ""] = args;
  if (first !== "" && !first.startsWith("-") && !names.includes(first)) {
    complain(`There is no command ${first}: the commands are ${names.join(", ")} (ovserve --help tells more)`);
    return USAGE;
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const usage = error instanceof CommanderError ? usageSentence(error) : undefined;
    if (usage === undefined && !(error instanceof UsageError)) {
      complain(detailOf(error));
      return FAILURE;
    }
    const command = names.includes(first) ? `ovserve ${first}` : "ovserve";
    complain(`${usage ?? (error as UsageError).message} (${command} --help lists the flags)`);
    return USAGE;
  }
}

function withoutName(words: readonly string[]): readonly string[] {
  return words[0] === IE_SERVING ? words.slice(1) : words;
}

/** Where arguments have gRPC served; undefined when they serve nothing. */
async function grpcConfigOf(words: readonly string[]): Promise<GrpcConfig | undefined> {
  let grpc: GrpcConfig | undefined;
  const program = newProgram((config) => {
    grpc = config.grpc;
    return Promise.resolve();
  });
  await program.parseAsync([...withoutName(words)], { from: "user" });
  return grpc;
}

/** @param use what to do with the configuration that arguments describe. */
function newProgram(use: (config: Config) => Promise<void>): Command {
  const program = new Command("ovserve")
    .description(
      "Serves OpenVINO models over the TensorFlow Serving API. The flags below are tensorflow_model_server's, for use without a " +
        "command.",
    )
    .usage("[command] [flags]")
    .helpCommand(false)
    // Flags behind a command are the command's.
    .enablePositionalOptions()
    .option("--version", "print versions and leave");
  addServerFlags(program);
  const parts: [Command, (texts: Readonly<Record<string, unknown>>) => Config][] = [
    [program, serverConfig],
    [modelCommand(), modelConfig],
    [configCommand(), configConfig],
    [sagemakerCommand(), sagemakerConfig],
  ];
  for (const [command, configOf] of parts) {
    if (command !== program) program.addCommand(command);
    addForeignFlags(command);
    command.exitOverride().allowExcessArguments(false).configureOutput({ writeErr: () => {} });
    command.action(async (texts: Readonly<Record<string, unknown>>) => {
      if (texts.version === true) return printVersion(texts);
      const notes = judgeForeignFlags(texts);
      const config = configOf(texts);
      await use(Object.freeze({ ...config, notes: [...notes, ...config.notes] }));
    });
  }
  for (const command of [healthCommand(grpcConfigOf), licensesCommand()]) {
    program.addCommand(command.exitOverride().allowExcessArguments(false).configureOutput({ writeErr: () => {} }));
  }
  return program;
}

function printVersion(texts: Readonly<Record<string, unknown>>): void {
  // deno-lint-ignore no-console
  console.log(describeVersion({
    openvinoDir: SERVER_FLAGS.openvinoDir.read(texts),
    runtimeDir: SERVER_FLAGS.runtimeDir.read(texts),
  }));
}

/** Commander's complaints in our words; undefined for one that is not about the arguments. */
function usageSentence({ code, message }: CommanderError): string | undefined {
  const subject = /'(-[^'=\s]*)/.exec(message)?.[1] ?? "";
  switch (code) {
    case "commander.unknownOption": {
      const similar = /Did you mean (?:one of )?(.+)\?/.exec(message)?.[1];
      return `There is no flag ${subject}${similar === undefined ? "" : `, did you mean ${similar}?`}`;
    }
    case "commander.optionMissingArgument":
      return `${subject} needs a value`;
    case "commander.excessArguments":
      return "Expected flags only, found an argument without --";
    default:
      return code.startsWith("commander.") ? onOneLine(message.replace(/^error: /, "")) : undefined;
  }
}

function complain(message: string): void {
  // deno-lint-ignore no-console
  console.error(`ovserve: ${onOneLine(message)}`);
}

function onOneLine(message: string): string {
  return message.replaceAll(/\s*\n\s*/g, " ");
}
