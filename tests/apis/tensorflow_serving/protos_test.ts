/** The contract: what `protos/` says against what TensorFlow, TensorFlow Serving and gRPC publish for Python. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { python } from "../../support/python.ts";

const SCRIPT = fileURLToPath(new URL("./compare_protos.py", import.meta.url));
const PROTOS = fileURLToPath(new URL("../../../protos", import.meta.url));
const WHEELS = fileURLToPath(new URL("../../../.ovserve/wheels", import.meta.url));
/** How the script ends when a package cannot be had. */
const TEMPORARY_FAILURE = 75;

/** What the comparison printed; undefined, with a line on stderr that says why, when there is nothing to compare with. */
async function compare(): Promise<{ success: boolean; printed: string } | undefined> {
  const interpreter = await python();
  if (interpreter === undefined) return undefined;
  const args = [SCRIPT, PROTOS, WHEELS];
  const { code, success, stdout, stderr } = await new Deno.Command(interpreter, { args }).output();
  const printed = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (code !== TEMPORARY_FAILURE) return { success, printed };
  // deno-lint-ignore no-console
  console.error(`The comparison of the protos is skipped: ${printed}`);
  return undefined;
}

const compared = await compare();

Deno.test(
  "messages and services are those that are published, name by name and number by number",
  { ignore: compared === undefined },
  () => {
    assert(compared?.success, compared?.printed ?? "");
  },
);
