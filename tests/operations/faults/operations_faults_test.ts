/** What clients and the system do to a server that runs for long: it slows down, says so, and comes back. */
import assert from "node:assert/strict";
import { floatTensor, PredictionClient } from "../../support/prediction_client.ts";
import { modelPath } from "../../support/model_path.ts";
import { Server } from "../../support/server.ts";
import { Scratch } from "../../support/scratch.ts";
import { writeSlowModel } from "../../support/slow_model.ts";
import { askHalf, versionOf } from "../../support/steady_load.ts";

const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };
const MODEL = ["model", "--model_name", "half", "--model_path", modelPath("half_plus_two")];

/** HTTP/2's connection preface and an empty SETTINGS. */
const GREETING = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");

async function greet(address: string): Promise<Deno.TcpConn> {
  const [hostname = "", port] = address.split(":");
  const conn = await Deno.connect({ hostname, port: Number(port) });
  await conn.write(GREETING);
  return conn;
}

async function expectAnswer(server: Server): Promise<void> {
  using client = new PredictionClient(server.address);
  assert.equal(versionOf(await askHalf(client, { name: "half" })), "1");
}

Deno.test("500 idle connections do not hinder others", async () => {
  await using server = await Server.start(MODEL);
  const idle = await Promise.all(Array.from({ length: 500 }, () => greet(server.address)));
  await expectAnswer(server);
  for (const conn of idle) conn.close();
  await expectAnswer(server);
});

Deno.test(
  "a server out of file descriptors serves who is connected, and accepts again when it has some",
  LINUX_ONLY,
  async () => {
    const through = ["prlimit", "--nofile=96:96"];
    await using server = await Server.start(MODEL, { through });
    using early = new PredictionClient(server.address);
    await askHalf(early, { name: "half" });
    // The system takes connections that the server cannot: they wait, unanswered.
    const crowd = await Promise.all(Array.from({ length: 120 }, () => greet(server.address)));
    assert.equal(versionOf(await askHalf(early, { name: "half" })), "1");
    for (const conn of crowd) conn.close();
    await expectAnswer(server);
  },
);

Deno.test("requests past --max_waiting_requests are refused at once, while those before them are answered", async () => {
  await using scratch = await Scratch.make();
  await writeSlowModel(`${scratch.path}/slow/1`);
  await using server = await Server.start([
    ...["model", "--model_name", "slow", "--model_path", `${scratch.path}/slow`],
    ...["--nireq", "1", "--max_waiting_requests", "2"],
  ]);
  using client = new PredictionClient(server.address);
  const order: string[] = [];
  const outcomes = await Promise.all(Array.from({ length: 8 }, async () => {
    const outcome = await client.predict({ model_spec: { name: "slow" }, inputs: { x: floatTensor([1]) } })
      .then(() => "answered", ({ code, details }) => `${code} ${details}`);
    order.push(outcome);
    return outcome;
  }));
  const refused = outcomes.filter((outcome) => outcome !== "answered");
  assert.equal(refused.length, 5, outcomes.join("\n"));
  for (const outcome of refused) assert.match(outcome, /^8 The queue of requests is full/);
  assert.deepEqual(order.slice(-3), ["answered", "answered", "answered"]);
});
