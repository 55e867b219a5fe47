/** Several serving threads on one port: equal answers, versions swapped on all of them, threads that fail. */
import assert from "node:assert/strict";
import { App } from "../../src/app/app.ts";
import { modelConfig } from "../../src/cli/commands/model.ts";
import type { Config } from "../../src/config/config.ts";
import { askHalfByFetch } from "../support/fetch_client.ts";
import { type Message, PredictionClient } from "../support/prediction_client.ts";
import { Scratch } from "../support/scratch.ts";
import { modelPath } from "../support/model_path.ts";
import { type LogEvent, Server } from "../support/server.ts";
import { askHalf, SteadyLoad, versionOf } from "../support/steady_load.ts";

const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };
const THREADS = ["--grpc_workers", "3"];
/** Enough connections that every thread gets one, except in one run in a hundred thousand. */
const CONNECTIONS = 32;

/** Clients with a connection each. */
class Crowd implements Disposable {
  readonly clients: readonly PredictionClient[];

  constructor(address: string) {
    this.clients = Array.from({ length: CONNECTIONS }, () => new PredictionClient(address));
  }

  /** What each of them gets. */
  all<T>(ask: (client: PredictionClient) => Promise<T>): Promise<T[]> {
    return Promise.all(this.clients.map(ask));
  }

  [Symbol.dispose](): void {
    for (const client of this.clients) client[Symbol.dispose]();
  }
}

function modelService(client: PredictionClient, method: string, request: Message): Promise<Message> {
  return client.call("tensorflow.serving.ModelService", method, { request });
}

async function statesOf(client: PredictionClient, name: string): Promise<string[]> {
  const { model_version_status: states } = await modelService(client, "GetModelStatus", { model_spec: { name } });
  return (states as Message[]).map(({ version, state }) => `${version} ${state}`);
}

/** The value of a series on the metrics page. */
async function metric(server: Server, series: string): Promise<number> {
  const { metrics } = await server.event("server started");
  const page = await (await fetch(`http://${metrics}/metrics`)).text();
  const line = page.split("\n").find((candidate) => candidate.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

Deno.test("all threads answer, and their counts are added up", LINUX_ONLY, async () => {
  const args = ["model", "--model_name", "half", "--model_path", modelPath("half_plus_two"), "--access_log"];
  await using server = await Server.start([...args, ...THREADS, "--metrics_port", "0"]);
  using crowd = new Crowd(server.address);
  for (const answer of await crowd.all((client) => askHalf(client, { name: "half" }))) {
    assert.deepEqual((answer.outputs as Record<string, Message>).y?.float_val, [7]);
  }
  const refused = await crowd.all((client) => askHalf(client, { name: "nobody" }).catch(({ code }) => code));
  assert.deepEqual(refused, Array(CONNECTIONS).fill(5));
  assert.equal(await metric(server, "ovserve_serving_threads"), 3);
  assert.equal(await metric(server, "ovserve_grpc_connections"), CONNECTIONS);
  const labels = `{model="half",version="1",method="Predict",interface="gRPC",code="OK"}`;
  assert.equal(await metric(server, `ovserve_requests_total${labels}`), CONNECTIONS);
  const isOfRequest = (code: string) => (event: LogEvent) => event.code === code;
  const logged = (code: string) => server.events("request").filter(isOfRequest(code)).length;
  await server.until(() => logged("OK") === CONNECTIONS && logged("NOT_FOUND") === CONNECTIONS, "a line a request");
});

Deno.test("a version is swapped on all threads, and freed when all have released it", LINUX_ONLY, async () => {
  await using scratch = await Scratch.make();
  await scratch.addVersion("half", { model: "half_plus_two", version: 1 });
  const config = await scratch.writeConfig({ half: {} });
  const poll = ["--file_system_poll_wait_seconds", "0.1", "--metrics_port", "0"];
  await using server = await Server.start(["config", "--config_path", config, ...poll, ...THREADS]);
  using crowd = new Crowd(server.address);
  const loads = Array.from({ length: 4 }, () => new SteadyLoad(server.address, "half"));
  await Promise.all(loads.map((load) => load.more(50)));
  for (const version of [2, 3, 4]) {
    await scratch.addVersion("half", { model: "half_plus_two", version });
    const ended = server.event(
      "version state changed",
      (event) => event.version === version - 1 && event.state === "end",
    );
    await Promise.all(loads.map((load) => load.during(ended)));
    const versions = await crowd.all((client) => askHalf(client, { name: "half" }));
    assert.deepEqual(new Set(versions.map(versionOf)), new Set([String(version)]));
    const gone = await crowd.all((client) =>
      askHalf(client, { name: "half", version: { value: version - 1 } }).catch((e) => e.code)
    );
    assert.deepEqual(new Set(gone), new Set([5]));
  }
  for (const load of loads) await load.stop();
  for (const states of await crowd.all((client) => statesOf(client, "half"))) assert.equal(states[0], "4 AVAILABLE");
  assert.equal(await metric(server, `ovserve_infer_requests{model="half",version="3"}`), NaN);
});

Deno.test("a configuration received by one thread applies to all", LINUX_ONLY, async () => {
  await using server = await Server.start([`--model_base_path=${modelPath("half_plus_two")}`, ...THREADS]);
  using crowd = new Crowd(server.address);
  const entry = { name: "half", "base_path": modelPath("half_plus_two"), "model_platform": "tensorflow" };
  const request = { config: { model_config_list: { config: [{ ...entry, version_labels: { good: 1 } }] } } };
  for (const [i, client] of crowd.clients.slice(0, 4).entries()) {
    const name = `half${i}`;
    (request.config.model_config_list.config[0] as Message).name = name;
    const { status } = await modelService(client, "HandleReloadConfigRequest", request);
    assert.equal((status as Message).error_code, "OK", JSON.stringify(status));
    const answers = await crowd.all((other) => askHalf(other, { name, version_label: "good" }));
    assert.deepEqual(new Set(answers.map(versionOf)), new Set(["1"]));
  }
});

/** The configuration of a server on a port of this machine, with its log. */
function configOf(port: string, events: LogEvent[] = []): Config {
  const config = modelConfig({ "model_name": "half", "model_path": modelPath("half_plus_two"), port });
  return {
    ...config,
    grpc: { ...config.grpc, hostnames: ["127.0.0.1"], threads: 3 },
    log: { level: "info", format: "json", write: (line) => void events.push(JSON.parse(line)) },
  };
}

Deno.test("several threads do not share a port with another server", LINUX_ONLY, async () => {
  await using app = await App.start(configOf("0"));
  const port = app.addresses.grpc.split(":")[1] as string;
  await assert.rejects(App.start(configOf(port)), /the port is in use/);
});

Deno.test("a thread that cannot start keeps the server from starting", LINUX_ONLY, async () => {
  const threadProgram = new URL("../no_such_worker.ts", import.meta.url);
  await assert.rejects(App.start(configOf("0"), { threadProgram }), /A serving thread has ended/);
});

for (const way of ["reject", "throw"]) {
  Deno.test(`a thread that fails (${way}) is replaced, and the log says so`, LINUX_ONLY, async () => {
    await using scratch = await Scratch.make();
    const modelsFile = (labels: string) =>
      scratch.write(
        "models.config",
        `model_config_list { config { name: "half" base_path: "${
          modelPath("half_plus_two")
        }" model_platform: "tensorflow" ${labels} } }`,
      );
    const path = await modelsFile("");
    const events: LogEvent[] = [];
    const named = (name: string) => events.filter(({ event }) => event === name);
    const { models: _, load, ...config } = configOf("0", events);
    const threadProgram = new URL("./failing_thread_worker.ts", import.meta.url);
    const file = { path, format: "text_proto", pollIntervalMs: 0, load } as const;
    await using app = await App.start({ ...config, load, models: { kind: "file", file } }, { threadProgram });
    const answers = async () => {
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => askHalfByFetch(app.addresses.grpc)));
      return outcomes.filter(({ isAnswered }) => isAnswered).length;
    };
    assert.equal(await answers(), 8);
    await modelsFile(`version_labels { key: "${way}" value: 1 }`);
    await app.reload();
    while (named("serving thread failed").length < 2) await answers();
    assert.match(String(named("serving thread failed")[0]?.reason), way === "reject" ? /rejected/ : /thrown/);
    // New threads get the label too, and fail in their turn, until it is taken back.
    await modelsFile("");
    await app.reload();
    while (await answers() < 8 || named("serving thread replaced").length < 2);
    for (let round = 0; round < 5; round++) assert.equal(await answers(), 8);
  });
}
