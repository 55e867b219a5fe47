/**
 * `ovserve licenses`: the licences of everything in the executable.
 *
 * @module
 */
import { Command } from "commander";
import { fileURLToPath } from "node:url";

/** Where `deno task compile` puts the notices, and this project's own licence, which stands in if the program is not compiled. */
const NOTICES = fileURLToPath(new URL("../../../.ovserve/embedded/notices.txt", import.meta.url));
const OWN_LICENCE = fileURLToPath(new URL("../../../LICENSE", import.meta.url));

/** Makes the command. */
export function licensesCommand(): Command {
  return new Command("licenses").description("print the licences of everything in this executable").action(async () => {
    const text = await Deno.readTextFile(Deno.build.standalone ? NOTICES : OWN_LICENCE);
    // deno-lint-ignore no-console
    console.log(text.trimEnd());
  });
}
