/** The REST server as Python's clients see it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { tensorFlowServingRoutes } from "../../../../src/apis/tensorflow_serving/routes.ts";
import { CodecThread } from "../../../../src/rest/codec_thread.ts";
import { RestServer } from "../../../../src/rest/server.ts";
import { python } from "../../../support/python.ts";
import { RestRig } from "./rig.ts";
import { DEFAULT_REST } from "../../../support/config.ts";

const interpreter = await python();
const CLIENT = fileURLToPath(new URL("./python_client.py", import.meta.url));

Deno.test({
  name: "requests sends rows and columns, large and small, and reads what comes back as JSON",
  ignore: interpreter === undefined,
  async fn(): Promise<void> {
    await using rig = await RestRig.start({
      plus_two: [{
        inputs: [{ names: ["x"], dtype: "f32", shape: [-1] }],
        outputs: [{ names: ["y"], dtype: "f32", shape: [-1] }],
        compute: "add",
        value: 2,
      }],
    });
    using codecThread = new CodecThread(new URL("../../../../src/app/codec_worker.ts", import.meta.url));
    const server = new RestServer([tensorFlowServingRoutes({ ...rig.services, codecThread })], {
      ...DEFAULT_REST,
      onFault: (error) => rig.faults.push(String(error.cause)),
    });
    const { port } = server.listen({ hostname: "127.0.0.1", port: 0 }) as Deno.NetAddr;
    const { success, stdout, stderr } = await new Deno.Command(interpreter as string, {
      args: [CLIENT, `http://127.0.0.1:${port}`],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    await server.shutdown(1000);
    assert(success, new TextDecoder().decode(stderr));

    const type = "application/json";
    const tensor = (name: string) => ({
      name,
      dtype: "DT_FLOAT",
      tensor_shape: { dim: [{ size: "-1", name: "" }], unknown_rank: false },
    });
    // Python writes infinity as a word that JSON.parse does not know.
    assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout).replace("Infinity", '"Infinity"')), [
      { status: 200, type, body: { predictions: [3, 4.5, "Infinity"] } },
      { status: 200, type, body: { outputs: [3] } },
      200,
      { status: 400, type, body: { error: "JSON Parse error: Missing a name for object member. at offset: 1" } },
      {
        status: 200,
        type,
        body: {
          model_version_status: [
            { version: "1", state: "AVAILABLE", status: { error_code: "OK", error_message: "" } },
          ],
        },
      },
      [
        "serving_default",
        {
          inputs: { x: tensor("x") },
          outputs: { y: tensor("y") },
          method_name: "tensorflow/serving/predict",
          defaults: {},
        },
      ],
    ]);
    assert.deepEqual(rig.faults, []);
  },
});
