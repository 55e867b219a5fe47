/**
 * The models the cases of the contract ask for, and a server's arguments to serve them.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const OWN = fileURLToPath(new URL("./models/", import.meta.url));

/** Models of the repository and of this folder. */
const SHARED_NAMES = ["mixed"];
const OWN_NAMES = [
  "classifier",
  "labels",
  "misclassifier",
  "misregressor",
  "pixels",
  "regressor",
  "shapes",
  "wide",
];

const HALF_PLUS_TWO =
  'model_version_policy { specific { versions: 1 versions: 2 versions: 3 } } version_labels { key: "stable" value: 1 }';

/** Where the models are configured; disposing it removes it. */
export interface ContractModels extends AsyncDisposable {
  /** Arguments that serve the models. */
  readonly args: readonly string[];
}

/** Lays out `half_plus_two` in versions 1, 2 and 3, of which the last is broken and the first is `stable`, beside the others. */
export async function withContractModels(): Promise<ContractModels> {
  const folder = await Deno.makeTempDir();
  const model = join(ROOT, "models/half_plus_two/1");
  for (const version of ["1", "2"]) {
    await Deno.mkdir(join(folder, "half_plus_two", version), { recursive: true });
    for await (const { name } of Deno.readDir(model)) {
      await Deno.copyFile(join(model, name), join(folder, "half_plus_two", version, name));
    }
  }
  await Deno.mkdir(join(folder, "half_plus_two/3"));
  await Deno.writeTextFile(join(folder, "half_plus_two/3/model.xml"), "<net");
  await Deno.writeTextFile(join(folder, "half_plus_two/3/model.bin"), "");
  const folders = new Map([
    ["half_plus_two", join(folder, "half_plus_two")],
    ...SHARED_NAMES.map((name) => [name, join(ROOT, "models", name)] as const),
    ...OWN_NAMES.map((name) => [name, join(OWN, name)] as const),
  ]);
  const entries = [...folders].map(([name, base]) => entry(name, base, name === "half_plus_two" ? HALF_PLUS_TWO : ""));
  const path = join(folder, "models.config");
  await Deno.writeTextFile(path, `model_config_list {\n${entries.join("")}}\n`);
  return {
    args: ["--model_config_file", path],
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

function entry(name: string, basePath: string, rest: string): string {
  return `  config { name: "${name}" base_path: ${JSON.stringify(basePath)} model_platform: "tensorflow" ${rest} }\n`;
}
