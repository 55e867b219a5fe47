/** The program's two ports as Python's clients see them: requests and grpcio, against OpenVINO's own numbers. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { python } from "../../support/python.ts";
import { Scratch } from "../../support/scratch.ts";
import { modelPath } from "../../support/model_path.ts";
import { Server } from "../../support/server.ts";

const HERE = fileURLToPath(new URL("./", import.meta.url));
/** One with all dtypes among them. */
const MODELS: readonly string[] = ["digits", "dynamic", "half_plus_two", "mixed", "tiny"];

const interpreter = await python();

Deno.test({
  name: "Over REST and over gRPC one process gives OpenVINO's own numbers to the last bit, for every dtype",
  ignore: interpreter === undefined,
  async fn(): Promise<void> {
    await using scratch = await Scratch.make();
    const models = Object.fromEntries(MODELS.map((name) => [name, { base_path: modelPath(name) }]));
    const config = await scratch.writeConfig(models);
    const args = ["--config_path", config, "--rest_bind_address", "127.0.0.1", "--rest_port", "any"];
    await using server = await Server.start(["config", ...args, "--enable_serialization_as_tensor_content"]);
    const { rest } = await server.event("server started");
    const { code, stdout, stderr } = await new Deno.Command(interpreter as string, {
      args: [
        `${HERE}clients/rest_client.py`,
        `http://${rest}`,
        server.address,
        `${HERE}../../../protos`,
        ...MODELS.map((name) => `${name}=${modelPath(name)}/1/${name}.xml`),
      ],
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
  },
});
