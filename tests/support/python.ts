/**
 * Finds the Python that tests compare with: a virtual environment with the packages of `tests/requirements.txt`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const INSTALLED = fileURLToPath(new URL("../../.ovserve/", import.meta.url));

/**
 * The path of an interpreter that has the packages. Undefined, with a line on stderr that says what to do, when it is missing. For
 * `ignore`: `const interpreter = await python();`, then `Deno.test({ ignore: interpreter === undefined, … })`.
 *
 * @param environment another environment than that of `tests/requirements.txt`.
 */
export async function python(environment = "python"): Promise<string | undefined> {
  const folder = `${INSTALLED}${environment}/`;
  try {
    await Deno.stat(`${folder}installed.txt`);
    return Deno.build.os === "windows" ? `${folder}Scripts\\python.exe` : `${folder}bin/python`;
  } catch {
    // deno-lint-ignore no-console
    console.error(`Tests with Python are skipped: .ovserve/${environment} is not there. deno task test makes it`);
    return undefined;
  }
}
