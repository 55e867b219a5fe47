/**
 * Arguments to a command, and what goes wrong to one sentence and an exit code.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { detailOf } from "../base/status.ts";
import type { Config, GrpcConfig } from "../config/config.ts";
import { check, CHECK_FLAGS } from "./commands/check.ts";
import { configCommand, configConfig } from "./commands/config.ts";
import { addFlags, type Flags, UsageError } from "./flags/flag.ts";
import { addForeignFlags, judgeForeignFlags } from "./flags/foreign_flags.ts";
import { healthCommand } from "./commands/health.ts";
import { licensesCommand } from "./commands/licenses.ts";
import { modelCommand, modelConfig } from "./commands/model.ts";
import { predictCommand } from "./commands/predict.ts";
import { sagemakerCommand, sagemakerConfig } from "./commands/sagemaker.ts";
import { serve } from "./serve.ts";
import { addServerFlags, serverConfig } from "./commands/server.ts";
import { SERVER_FLAGS } from "./flags/server_flags.ts";
import { statusCommand } from "./commands/status.ts";
import { describeVersion } from "./commands/version.ts";

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
  const { words: command, names, unknown } = findCommand(program, args);
  if (unknown !== undefined) {
    const called = [...command.slice(1), unknown].join(" ");
    complain(
      `There is no command ${called}: the commands are ${names.join(", ")} (${command.join(" ")} --help tells more)`,
    );
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
    complain(`${usage ?? (error as UsageError).message} (${command.join(" ")} --help lists the flags)`);
    return USAGE;
  }
}

/**
 * The command that arguments begin with, in words, and the names of those below it; `unknown` is a word in their place that is none
 * of them.
 */
function findCommand(
  program: Command,
  args: readonly string[],
): { words: readonly string[]; names: readonly string[]; unknown: string | undefined } {
  const words = [program.name()];
  let command = program;
  for (const word of args) {
    const below = command.commands.find((candidate) => [candidate.name(), ...candidate.aliases()].includes(word));
    if (below === undefined) break;
    words.push(word);
    command = below;
  }
  const names = command.commands.flatMap((below) => [below.name(), ...below.aliases()]);
  const next = args[words.length - 1] ?? "";
  return { words, names, unknown: names.length > 0 && next !== "" && !next.startsWith("-") ? next : undefined };
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
  }, () => Promise.resolve());
  await program.parseAsync([...withoutName(words)], { from: "user" });
  return grpc;
}

/** What to do with the configuration that arguments describe. */
type Use = (config: Config, texts: Readonly<Record<string, unknown>>) => Promise<void>;

function newProgram(use: Use, useToCheck: Use = check): Command {
  const program = new Command("ovserve")
    .description(
      "Serves OpenVINO models over the TensorFlow Serving API. The flags below are tensorflow_model_server's, for use without a " +
        "command.",
    )
    .usage("[command] [flags]")
    .helpCommand(false)
    .option("--version", "print versions and leave");
  addServing(program, { use, flags: {} });
  const checking = new Command("check")
    .description(
      "say what would be served with the same arguments, and what is wrong; exit code 0 when all would serve",
    )
    .usage("[command] [flags]")
    .helpCommand(false);
  addServing(checking, { use: useToCheck, flags: CHECK_FLAGS });
  program.addCommand(checking);
  for (const command of [statusCommand(), predictCommand(), healthCommand(grpcConfigOf), licensesCommand()]) {
    program.addCommand(command.exitOverride().allowExcessArguments(false).configureOutput({ writeErr: () => {} }));
  }
  return program;
}

/** Gives a command the flags to serve with, and the commands below it that serve. */
function addServing(command: Command, { use, flags }: { use: Use; flags: Flags }): void {
  addServerFlags(command);
  const parts: [Command, (texts: Readonly<Record<string, unknown>>) => Config][] = [
    [command, serverConfig],
    [modelCommand(), modelConfig],
    [configCommand(), configConfig],
    [sagemakerCommand(), sagemakerConfig],
  ];
  // Flags behind a command are the command's.
  command.enablePositionalOptions();
  for (const [part, configOf] of parts) {
    if (part !== command) command.addCommand(part);
    addFlags(part, flags);
    addForeignFlags(part);
    part.exitOverride().allowExcessArguments(false).configureOutput({ writeErr: () => {} });
    part.action(async (texts: Readonly<Record<string, unknown>>) => {
      if (texts.version === true) return printVersion(texts);
      const notes = judgeForeignFlags(texts);
      const config = configOf(texts);
      await use(Object.freeze({ ...config, notes: [...notes, ...config.notes] }), texts);
    });
  }
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
