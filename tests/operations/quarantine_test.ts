/** A version that crashes the process repeatedly is quarantined, and the log and status say so. */
import assert from "node:assert/strict";
import { floatTensor, type Message, PredictionClient } from "../support/prediction_client.ts";
import { Scratch } from "../support/scratch.ts";
import { Server } from "../support/server.ts";
import { writeSlowModel } from "../support/slow_model.ts";
import { askHalf, versionOf } from "../support/steady_load.ts";

const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };

async function statesOf(client: PredictionClient, name: string): Promise<string[]> {
  const { model_version_status: states } = await client.call("tensorflow.serving.ModelService", "GetModelStatus", {
    request: { model_spec: { name } },
  });
  return (states as Message[]).map(({ state, status }) => `${state} ${(status as Message).error_message}`.trim());
}

for (const threads of ["1", "3"]) {
  Deno.test(
    `a version that was inferring (threads: ${threads}) when the process died twice is quarantined until its files change`,
    LINUX_ONLY,
    async () => {
      await using scratch = await Scratch.make();
      await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
      await writeSlowModel(`${scratch.path}/slow/1`);
      const config = await scratch.writeConfig({ half: {}, slow: {} });
      const args = [
        ...["config", "--config_path", config, "--file_system_poll_wait_seconds", "0.1"],
        ...["--quarantine_crashing_versions", "--state_dir", scratch.path, "--grpc_workers", threads],
      ];
      const start = (): Promise<Server> => Server.start(args, { permissions: ["--allow-write"] });
      const x = floatTensor([1]);

      for (let death = 1; death <= 2; death++) {
        const server = await start();
        using client = new PredictionClient(server.address);
        assert.deepEqual(await statesOf(client, "slow"), ["AVAILABLE"]);
        await askHalf(client, { name: "half" });
        // Several, one behind the other, so that one is being inferred when the signal comes.
        const asked = Array.from({ length: 8 }, () => client.predict({ model_spec: { name: "slow" }, inputs: { x } }));
        const outcomes = Promise.allSettled(asked);
        await asked[0];
        // As a native library ends the process by abort(); of a SIGSEGV from outside Rust takes no notice the first time.
        assert.equal((await server.stop("SIGABRT")).success, false);
        assert((await outcomes).some(({ status }) => status === "rejected"));
      }

      await using server = await start();
      using client = new PredictionClient(server.address);
      const [state = ""] = await statesOf(client, "slow");
      assert.match(state, /^END In quarantine: the process has died 2 times in a row/);
      assert.equal(versionOf(await askHalf(client, { name: "half" })), "1");

      await Deno.utime(`${scratch.path}/slow/1/slow.xml`, new Date(), new Date());
      await server.event("version state changed", ({ name, state }) => name === "slow" && state === "available");
    },
  );
}
