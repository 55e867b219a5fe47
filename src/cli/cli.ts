/**
 * The command line: from arguments to a command, and from an error to one sentence and an exit code.
 *
 * @module
 */
import { Command, CommanderError, Option } from "commander";
import { detailOf } from "../base/status.ts";
import type { Config, GrpcConfig } from "../config/config.ts";
import { check, CHECK_FLAGS } from "./commands/check.ts";
import { configCommand, configConfig } from "./commands/config.ts";
import { healthCommand } from "./commands/health.ts";
import { licensesCommand } from "./commands/licenses.ts";
import { modelCommand, modelConfig } from "./commands/model.ts";
import { predictCommand } from "./commands/predict.ts";
import { sagemakerCommand, sagemakerConfig } from "./commands/sagemaker.ts";
import { addServerFlags, serverConfig } from "./commands/server.ts";
import { statusCommand } from "./commands/status.ts";
import { describeVersion } from "./commands/version.ts";
import { readChannelArguments } from "./flags/channel_arguments.ts";
import { addFlags, type Flags, readFlags, type Texts, UsageError } from "./flags/flag.ts";
import { addForeignFlags, judgeForeignFlags } from "./flags/foreign_flags.ts";
import { RUNTIME_FLAGS } from "./flags/server_flags.ts";
import { serve } from "./serve.ts";
import { containerArguments } from "./tensorflow_container.ts";

/** Exit codes: the command failed, or its arguments cannot be used. */
const FAILURE = 1;
const USAGE = 2;

/** First word of ie_serving's command lines: `docker run IMAGE ie_serving model …`. */
const IE_SERVING = "ie_serving";

/**
 * Runs the command that the arguments name.
 *
 * @returns the exit code; a failure is reported on standard error, in one sentence.
 */
export async function run(words: readonly string[]): Promise<number> {
  const args = withoutName(words);
  const program = newProgram(serve);
  const { words: command, names, unknown } = findCommand(program, args);
  if (unknown !== undefined) {
    const called = [...command.slice(1), unknown].join(" ");
    complain(
      `There is no command ${called}: the commands are ${names.join(", ")} (${command.join(" ")} --help lists them)`,
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
 * Finds the command that the arguments begin with: its words, the names of its subcommands, and a word in their place that is none of
 * them.
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
  return words[0] === IE_SERVING ? words.slice(1) : containerArguments(words);
}

/** Where the given arguments would serve gRPC; undefined if they serve nothing. */
async function grpcConfigOf(words: readonly string[]): Promise<GrpcConfig | undefined> {
  let grpc: GrpcConfig | undefined;
  const program = newProgram((config) => {
    grpc = config.grpc;
    return Promise.resolve();
  }, () => Promise.resolve());
  await program.parseAsync([...withoutName(words)], { from: "user" });
  return grpc;
}

/** What to do with the configuration that the arguments describe. */
type Use = (config: Config, texts: Texts) => Promise<void>;

function newProgram(use: Use, useToCheck: Use = check): Command {
  const program = new Command("ovserve")
    .description(
      "Serves OpenVINO models over the TensorFlow Serving API. Without a command, it takes tensorflow_model_server's flags.",
    )
    .usage("[command] [flags]")
    .helpCommand(false);
  addServing(program, { use, flags: {} });
  program.addOption(new Option("--version", "print versions and exit"));
  const checking = new Command("check")
    .description(
      "report what the same arguments would serve, and what is wrong; exit code 0 if all would be served",
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

/** Gives a command the flags to serve with, and subcommands that serve. */
function addServing(command: Command, { use, flags }: { use: Use; flags: Flags }): void {
  addServerFlags(command);
  const parts: [Command, (texts: Texts) => Config][] = [
    [command, serverConfig],
    [modelCommand(), modelConfig],
    [configCommand(), configConfig],
    [sagemakerCommand(), sagemakerConfig],
  ];
  // Flags after a command belong to that command.
  command.enablePositionalOptions();
  for (const [part, configOf] of parts) {
    if (part !== command) command.addCommand(part);
    addFlags(part, [flags]);
    addForeignFlags(part);
    part.exitOverride().allowExcessArguments(false).configureOutput({ writeErr: () => {} });
    part.action(async (texts: Texts) => {
      if (texts.version === true) return printVersion(texts);
      const notes = [...judgeForeignFlags(texts), ...readChannelArguments(texts).notes];
      const config = configOf(texts);
      await use(Object.freeze({ ...config, notes: [...notes, ...config.notes] }), texts);
    });
  }
}

function printVersion(texts: Texts): void {
  // deno-lint-ignore no-console
  console.log(describeVersion(readFlags(RUNTIME_FLAGS, texts)));
}

/** Rewords commander's error; undefined if it is not about the arguments. */
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
