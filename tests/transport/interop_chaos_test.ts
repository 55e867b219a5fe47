/** Clients that are killed during their calls. */
import assert from "node:assert/strict";
import { type Client, findClients, startClient } from "./interop/clients.ts";
import { InteropServer } from "./interop/server.ts";
import { until } from "../support/until.ts";

/** Calls of the check "flood" in flight, each with a reply of 1 MB. */
const CALLS = Array.from({ length: 100 }, (_, i) => `flood-${i}`);
/** Rounds until garbage collection is steady. */
const WARM_UP_ROUNDS = 5;
const ROUNDS = 10;
/** Half of what the rounds after the warm-up would leak, at 100 MB each. */
const GROWN_BYTES_MAX = 250_000_000;

const clients = (await findClients()).filter(({ name }) => ["grpcio", "grpc-go", "grpc-js on Node"].includes(name));

/** Starts a client and waits until all its calls are in flight. */
async function flood(server: InteropServer, client: Client): Promise<Deno.ChildProcess> {
  const process = startClient(client, server, ["flood"]);
  const ended = process.status.then(() => assert.fail(`${client.name} ended by itself`));
  await Promise.race([ended, Promise.all(CALLS.map((name) => server.arrived(name)))]);
  ended.catch(() => {});
  return process;
}

async function kill(process: Deno.ChildProcess): Promise<void> {
  process.kill("SIGKILL");
  await process.output();
}

for (const client of clients) {
  const ignore = client.command === undefined || Deno.build.os === "windows";

  Deno.test(`${client.name} killed with 100 calls in flight cancels them all`, { ignore }, async () => {
    await using server = new InteropServer({ hostname: "127.0.0.1", port: 0 });
    const process = await flood(server, client);
    assert.equal(server.connectionCount, 1);
    await kill(process);
    await Promise.all(CALLS.map((name) => server.cancelled(name)));
    await until("the connection is gone", () => server.connectionCount === 0);
  });
}

const client = clients.find(({ command }) => command !== undefined);

Deno.test({
  name: "replies that a killed client never read do not stay in memory",
  ignore: client === undefined || Deno.build.os === "windows",
  async fn(): Promise<void> {
    const residentBytes: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await using server = new InteropServer({ hostname: "127.0.0.1", port: 0 });
      const process = await flood(server, client as Client);
      // The client reads nothing from now on, so that all replies but the first few wait.
      process.kill("SIGSTOP");
      server.release();
      await Promise.all(CALLS.map((name) => server.answered(name)));
      await kill(process);
      await until("the connection is gone", () => server.connectionCount === 0);
      residentBytes.push(Deno.memoryUsage().rss);
    }
    const grownBytes = Math.max(...residentBytes.slice(WARM_UP_ROUNDS)) - (residentBytes[WARM_UP_ROUNDS - 1] as number);
    assert(grownBytes < GROWN_BYTES_MAX, `memory grew by ${grownBytes} bytes: ${residentBytes}`);
  },
});
