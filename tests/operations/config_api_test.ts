/** `--config_api` decides whose requests change the configuration, over both transports and for every API. */
import assert from "node:assert/strict";
import { rejects } from "node:assert/strict";
import * as grpc from "@grpc/grpc-js";
import { PredictionClient } from "../support/prediction_client.ts";
import { Scratch } from "../support/scratch.ts";
import { Server } from "../support/server.ts";

const RELOADS = ["/v1/config/reload", "/v2/repository/models/half/load", "/v2/repository/models/half/unload"];

async function start(scratch: Scratch, ...args: readonly string[]): Promise<Server> {
  await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
  const config = await scratch.writeConfig({ half: {} });
  return await Server.start(["config", "--config_path", config, "--rest_port", "any", ...args]);
}

async function reload(client: PredictionClient): Promise<unknown> {
  const request = { config: { model_config_list: { config: [] } } };
  return await client.call("tensorflow.serving.ModelService", "HandleReloadConfigRequest", { request });
}

for (const threads of ["1", "3"]) {
  Deno.test(`--config_api off refuses every change by request (threads: ${threads})`, async () => {
    await using scratch = await Scratch.make();
    await using server = await start(scratch, "--config_api", "off", "--grpc_workers", threads);
    const { rest } = await server.event("server started");
    using client = new PredictionClient(server.address);
    await rejects(reload(client), (error: grpc.ServiceError) => {
      assert.equal(error.code, grpc.status.PERMISSION_DENIED);
      assert.match(error.details, /--config_api off/);
      return true;
    });
    for (const path of RELOADS) {
      const reply = await fetch(`http://${rest}${path}`, { method: "POST" });
      assert.equal(reply.status, 403, path);
      assert.match((await reply.json()).error, /--config_api off/);
    }
    const status = await (await fetch(`http://${rest}/v1/models/half`)).json();
    assert.equal(status.model_version_status[0].state, "AVAILABLE");
  });
}

Deno.test("clients of the same machine may change the configuration by default", async () => {
  await using scratch = await Scratch.make();
  await using server = await start(scratch);
  const { rest } = await server.event("server started");
  const reply = await fetch(`http://${rest}/v1/config/reload`, { method: "POST" });
  assert.equal(reply.status, 200);
  await reply.body?.cancel();
});
