/** The server's memory under continuous predictions. */
import assert from "node:assert/strict";
import { loadPredict } from "../support/load.ts";
import { residentBytes } from "../support/process_memory.ts";
import { modelPath } from "../support/model_path.ts";
import { Server } from "../support/server.ts";
import { findTool } from "../support/tools.ts";

const h2load = await findTool("h2load");

Deno.test({
  name: "Memory stays flat over 100,000 predictions, in the loop and off it",
  ignore: h2load === undefined || Deno.build.os !== "linux",
  async fn(): Promise<void> {
    // A hint of the user's takes the choice out of the server's hands: inference goes off the loop.
    for (const tuning of [[], ["--plugin_config", '{"PERFORMANCE_HINT": "THROUGHPUT"}']]) {
      await using server = await Server.start([
        ...["model", "--model_name", "digits", "--model_path", modelPath("digits")],
        ...tuning,
      ]);
      const image = { dtype: "f32", shape: [10, 8, 8], bytes: new Uint8Array(10 * 64 * 4) } as const;
      const request = {
        modelSpec: { name: "digits", signatureName: "" },
        inputs: [{ name: "image", tensor: image }],
        outputFilter: [],
      };
      const load = async (calls: number) => {
        const options = { address: server.address, calls, connections: 4, streams: 16 };
        const outcome = await loadPredict(h2load as string, request, options);
        assert.equal(outcome.succeeded, calls);
        // Ten digits and a hundred probabilities: a reply without them is a status, not an answer.
        assert(outcome.dataBytes > calls * 480, `replies of ${outcome.dataBytes / calls} bytes`);
      };
      await load(50_000);
      // The heap may settle late on a busy machine; a leak grows in every round.
      let grownBytes = Infinity;
      for (let round = 0; round < 3 && grownBytes >= 16 << 20; round++) {
        const before = await residentBytes(server.pid);
        await load(100_000);
        grownBytes = await residentBytes(server.pid) - before;
      }
      assert(grownBytes < 16 << 20, `memory grew by ${grownBytes} bytes in 100,000 predictions`);
    }
  },
});
