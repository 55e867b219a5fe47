/** The program as a client from elsewhere sees it: the published tensorflow-serving-api package, against OpenVINO's own numbers. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { python } from "../../support/python.ts";
import { modelPath } from "../../support/model_path.ts";
import { Server } from "../../support/server.ts";

const HERE = fileURLToPath(new URL("./", import.meta.url));
/** How the client ends when the package cannot be had. */
const TEMPORARY_FAILURE = 75;

const interpreter = await python();

/** Models with every dtype, with arithmetic on it, and with examples, by name. */
const MODELS: ReadonlyMap<string, string> = new Map([
  ...["digits", "dynamic", "half_plus_two", "mixed", "tiny"].map((name) => [name, modelPath(name)] as const),
  ...["arithmetic", "classifier", "labels", "regressor"].map((name) =>
    [name, `${HERE}contract/models/${name}`] as const
  ),
]);

Deno.test({
  name: "tensorflow-serving-api gets OpenVINO's own numbers to the last bit, for every dtype",
  ignore: interpreter === undefined,
  async fn(): Promise<void> {
    const config = await Deno.makeTempFile({ suffix: ".json" });
    try {
      const entries = [...MODELS].map(([name, path]) => ({ config: { name, base_path: path } }));
      await Deno.writeTextFile(config, JSON.stringify({ model_config_list: entries }));
      await using server = await Server.start(["config", "--config_path", config]);
      const models = [...MODELS].map(([name, path]) => `${name}=${path}/1/${name}.xml`);
      const args = [`${HERE}clients/tfs_client.py`, server.address, ...models];
      const { code, stdout, stderr } = await new Deno.Command(interpreter as string, { args }).output();
      const printed = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      // deno-lint-ignore no-console
      if (code === TEMPORARY_FAILURE) return console.error(`tensorflow-serving-api is not compared: ${printed}`);
      assert.equal(code, 0, printed);
    } finally {
      await Deno.remove(config);
    }
  },
});
