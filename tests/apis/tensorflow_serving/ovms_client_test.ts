/**
 * Clients of ie_serving and model_server, which send version 0 for the latest version: the published ovmsclient package, and
 * requests as the examples of ie_serving make them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { freePort } from "../../support/free_port.ts";
import { modelPath } from "../../support/model_path.ts";
import { python } from "../../support/python.ts";
import { Server } from "../../support/server.ts";

const CLIENT = fileURLToPath(new URL("./clients/ovms_client.py", import.meta.url));
const PACKAGES = fileURLToPath(new URL("../../../.ovserve/ovmsclient/", import.meta.url));
/** How the client ends when the package cannot be had. */
const TEMPORARY_FAILURE = 75;

const interpreter = await python();

const MODEL_FLAGS = [
  "--model_name",
  "half",
  "--model_path",
  modelPath("half_plus_two"),
  "--rest_port",
  String(freePort()),
];

/** What the client printed, by transport and call; undefined if the package cannot be had. */
async function askWithOvmsclient(server: Server): Promise<Map<string, unknown> | undefined> {
  const rest = (await server.event("server listening")).rest as string;
  const args = [CLIENT, PACKAGES, server.address, rest, "half"];
  const { code, stdout, stderr } = await new Deno.Command(interpreter as string, { args }).output();
  const printed = new TextDecoder().decode(stdout);
  if (code === TEMPORARY_FAILURE) {
    // deno-lint-ignore no-console
    console.error(`ovmsclient is not tried: ${printed}`);
    return undefined;
  }
  assert.equal(code, 0, printed + new TextDecoder().decode(stderr));
  const calls = printed.trim().split("\n").map((line) => JSON.parse(line));
  return new Map(calls.map(({ transport, call, result }) => [`${transport} ${call}`, result]));
}

Deno.test({
  name: "ovmsclient works with its defaults over gRPC and REST, float64 arrays included",
  ignore: interpreter === undefined,
  async fn(): Promise<void> {
    await using server = await Server.start(["model", ...MODEL_FLAGS]);
    const results = await askWithOvmsclient(server);
    if (results === undefined) return;
    const expected = { "predict": [2.5, 3, 4.5], "predict version 1": [2.5, 3, 4.5], "predict doubles": [2.5, 3, 4.5] };
    for (const transport of ["grpc", "rest"]) {
      for (const [call, values] of Object.entries({ ...expected, status: { 1: "AVAILABLE" }, metadata: 1 })) {
        assert.deepEqual(results.get(`${transport} ${call}`), values, `${transport} ${call}`);
      }
    }
  },
});

Deno.test({
  name: "version 0 is the latest with ie_serving's flags, on every serving thread and by every API",
  ignore: interpreter === undefined,
  async fn(): Promise<void> {
    await using server = await Server.start(["model", ...MODEL_FLAGS, "--grpc_workers", "2"]);
    const rest = (await server.event("server listening")).rest as string;
    // Each client's connection may reach either thread.
    for (let i = 0; i < 3; i++) {
      const results = await askWithOvmsclient(server);
      if (results !== undefined) assert.deepEqual(results.get("grpc predict"), [2.5, 3, 4.5]);
    }
    const infer = { inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] };
    assert.equal(await status(`http://${rest}/v2/models/half/versions/0/infer`, infer), 200);
    const doubles = { inputs: [{ name: "x", shape: [1], datatype: "FP64", data: [1] }] };
    assert.equal(await status(`http://${rest}/v2/models/half/infer`, doubles), 200);
    assert.equal(await status(`http://${rest}/v2/models/half/versions/0/ready`), 200);
    assert.equal(await status(`http://${rest}/v1/models/half/versions/0/metadata`), 200);
  },
});

Deno.test({
  name: "version 0 is version 0 with TensorFlow Serving's flags, unless a flag says otherwise",
  ignore: interpreter === undefined,
  async fn(): Promise<void> {
    const flags = [
      "--model_name",
      "half",
      "--model_base_path",
      modelPath("half_plus_two"),
      "--rest_api_port",
      String(freePort()),
    ];
    {
      await using server = await Server.start(flags);
      const results = await askWithOvmsclient(server);
      if (results === undefined) return;
      assert.match(String(results.get("grpc predict")), /Servable not found for request: Specific\(half, 0\)/);
      assert.match(String(results.get("grpc status")), /Could not find version 0 of model half/);
      assert.deepEqual(results.get("grpc predict version 1"), [2.5, 3, 4.5]);
      const rest = (await server.event("server listening")).rest as string;
      assert.equal(await status(`http://${rest}/v2/models/half/versions/0/ready`), 404);
    }
    await using server = await Server.start([...flags, "--version_zero_means_latest"]);
    const results = await askWithOvmsclient(server);
    if (results === undefined) return;
    assert.deepEqual(results.get("grpc predict"), [2.5, 3, 4.5]);
    assert.match(String(results.get("grpc predict doubles")), /Invalid input precision - Expected: FP32; Actual: FP64/);
  },
});

async function status(url: string, body?: unknown): Promise<number> {
  const response = await fetch(url, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) });
  await response.body?.cancel();
  return response.status;
}
