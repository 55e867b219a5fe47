/**
 * Finds the Python that tests compare with: a virtual environment with the packages of `tests/requirements.txt`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const ENVIRONMENT = fileURLToPath(new URL("../../.ovserve/python/", import.meta.url));

/**
 * The path of an interpreter that has the packages. Undefined, with a line on stderr that says what to do, when it is missing. For
 * `ignore`: `const interpreter = await python();`, then `Deno.test({ ignore: interpreter === undefined, … })`.
 */
export async function python(): Promise<string | undefined> {
  try {
    await Deno.stat(`${ENVIRONMENT}installed.txt`);
    return Deno.build.os === "windows" ? `${ENVIRONMENT}Scripts\\python.exe` : `${ENVIRONMENT}bin/python`;
  } catch {
    // deno-lint-ignore no-console
    console.error("Tests with Python are skipped: .ovserve/python is not there. deno task test makes it");
    return undefined;
  }
}
