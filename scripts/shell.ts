/**
 * What the tasks share: paths, running programs, and messages for the person who started the task.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The root of the repository, with a slash at its end. */
export const ROOT: string = fileURLToPath(new URL("../", import.meta.url));

/** The folder that the tasks install into, ignored by git. */
export const INSTALLED: string = `${ROOT}.ovserve`;

/** A failure that the user can fix. The message is whole sentences. */
export class TaskError extends Error {
  override readonly name = "TaskError";
}

/** How a program ended and what it wrote. */
export interface Finished {
  readonly success: boolean;
  readonly output: string;
}

/** The same, with standard output alone as well. */
export interface FinishedRun extends Finished {
  readonly stdout: string;
}

/** How to run a program, besides its arguments. */
export interface RunOptions {
  readonly env?: Record<string, string>;
  /** The working directory. Default: the root of the repository. */
  readonly cwd?: string;
}

/** Prints one line of progress. */
export function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

/** Whether a file or folder exists. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

/**
 * Runs a program and waits for its end.
 *
 * @returns what it wrote, or undefined when there is no such program.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<FinishedRun | undefined> {
  try {
    const finished = await new Deno.Command(program, {
      args: [...args],
      cwd: ROOT,
      stdin: "null",
      ...options,
    }).output();
    const decoder = new TextDecoder();
    const stdout = decoder.decode(finished.stdout);
    return { success: finished.success, stdout, output: stdout + decoder.decode(finished.stderr) };
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

/** Runs a task's program; a {@link TaskError} becomes one paragraph on stderr and exit code 1. */
export async function runTask(program: () => Promise<unknown>): Promise<void> {
  try {
    await program();
  } catch (thrown) {
    if (!(thrown instanceof TaskError)) throw thrown;
    // deno-lint-ignore no-console
    console.error(thrown.message);
    Deno.exit(1);
  }
}

/** The last line that a program wrote, which says why it failed. */
export function lastLine(output: string): string {
  return output.trim().split("\n").at(-1) ?? "";
}
