/**
 * Finds the third-party programs that tests use.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** A program that `deno task test` installs where it can. */
export type ToolName =
  | "grpcurl"
  | "ghz"
  | "h2spec"
  | "h2load"
  | "kustomize"
  | "kubeconform"
  | "compose-go"
  | "nginx"
  | "prometheus"
  | "promtool";

const TOOLS = fileURLToPath(new URL("../../.ovserve/tools/", import.meta.url));

/** The program to start. Undefined, with a line on stderr, when it is missing. Meant for `ignore`. */
export async function findTool(name: ToolName): Promise<string | undefined> {
  for (const program of [`${TOOLS}${name}`, name]) {
    if (await starts(program)) return program;
  }
  // deno-lint-ignore no-console
  console.error(
    `Tests with ${name} are skipped: it is not installed. deno task test installs it where Go or apt-get can`,
  );
  return undefined;
}

async function starts(program: string): Promise<boolean> {
  try {
    await new Deno.Command(program, { args: ["--version"], stdin: "null", stdout: "null", stderr: "null" }).output();
    return true;
  } catch (thrown) {
    // Without the permission to start it, a missing program looks like a forbidden one.
    if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotCapable) return false;
    throw thrown;
  }
}
