/** While connections flood the server with any kind of frame, a well-behaved client on another connection is answered soon. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { modelPath } from "../../support/model_path.ts";
import { PredictionClient } from "../../support/prediction_client.ts";
import { Server } from "../../support/server.ts";
import { askHalf } from "../../support/steady_load.ts";

const FLOOD = fileURLToPath(new URL("flood.ts", import.meta.url));
const KINDS = [
  "requests",
  "failing requests",
  "1-byte DATA",
  "empty DATA",
  "PING",
  "PING between DATA",
  "SETTINGS",
  "WINDOW_UPDATE",
  "RST_STREAM",
  "CONTINUATION",
  "Watch calls",
];
const REQUESTS = 60;
/** What one answer may take at the median while the server floods: starved clients waited for seconds. */
const P50_MS_MAX = 500;

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** Predicts one after the other. */
async function measure(client: PredictionClient): Promise<Percentiles> {
  const times: number[] = [];
  for (let i = 0; i < REQUESTS; i++) {
    const sinceMs = performance.now();
    await askHalf(client, { name: "half" });
    times.push(performance.now() - sinceMs);
  }
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.floor(times.length * part)] as number;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Starts to flood, and resolves when all connections do. */
async function startFlood(address: string, kind: string, connections: number): Promise<AsyncDisposable> {
  const args = ["run", "--no-check", "--allow-net=127.0.0.1", FLOOD, address, kind, String(connections)];
  const process = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
  const reader = process.stdout.getReader();
  let lines = 0;
  while (lines < connections) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The flood of ${kind} has ended`);
    lines += new TextDecoder().decode(value).split("\n").length - 1;
  }
  return {
    [Symbol.asyncDispose]: async () => {
      process.kill("SIGKILL");
      await process.status;
      await reader.cancel();
    },
  };
}

for (const workers of [1, 2]) {
  Deno.test(`A client is answered while connections flood ${workers} serving threads`, async (t) => {
    await using server = await Server.start([
      ...["model", "--model_name", "half", "--model_path", modelPath("half_plus_two")],
      ...["--grpc_workers", String(workers)],
    ]);
    using client = new PredictionClient(server.address);
    await measure(client);
    const quiet = await measure(client);
    for (const kind of KINDS) {
      for (const connections of workers === 1 ? [1, 4] : [4]) {
        await t.step(`${connections} x ${kind}`, async () => {
          await using _ = await startFlood(server.address, kind, connections);
          const { p50, p99 } = await measure(client);
          const figures = [quiet.p50, quiet.p99, p50, p99].map((ms) => ms.toFixed(1));
          // deno-lint-ignore no-console
          console.log(`p50 and p99 in ms, quiet and flooded: ${figures.join(" ")}`);
          assert(p50 < P50_MS_MAX, `p50 is ${p50} ms`);
        });
      }
    }
  });
}
