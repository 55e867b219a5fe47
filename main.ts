/**
 * The program: arguments to a command to an exit code.
 *
 * @module
 */
import { run } from "./src/cli/cli.ts";

Deno.exit(await run(Deno.args));
