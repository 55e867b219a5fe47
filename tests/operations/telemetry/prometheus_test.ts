/** What Prometheus makes of the metrics: its checks of the page, every expression of the dashboard, every alert. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { CODE } from "../../../src/base/status.ts";
import { type Choice, interpolate, readDashboard, type Variable } from "./dashboard.ts";
import { readExposition } from "./exposition.ts";
import { floatTensor, PredictionClient } from "../../support/prediction_client.ts";
import { Prometheus } from "./prometheus.ts";
import { Scratch } from "../../support/scratch.ts";
import { Server } from "../../support/server.ts";
import { findTool } from "../../support/tools.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const RULES = `${ROOT}deploy/prometheus/ovserve.rules.yaml`;
/** promtool's exit code for a valid page with lint warnings. */
const PROMTOOL_LINT = 3;
const IMAGE = floatTensor(new Array(64).fill(0), [1, 8, 8]);

const prometheus = await findTool("prometheus");
const promtool = await findTool("promtool");

/** A server of two models with batching, and requests that succeed and fail. */
class Rig implements AsyncDisposable {
  readonly server: Server;
  readonly scratch: Scratch;
  readonly #client: PredictionClient;
  readonly #rest: string;
  readonly metrics: string;

  private constructor(scratch: Scratch, server: Server) {
    this.scratch = scratch;
    this.server = server;
    this.#client = new PredictionClient(server.address);
    const [started] = server.events("server started");
    this.#rest = `http://${started?.rest}`;
    this.metrics = started?.metrics as string;
  }

  static async start(): Promise<Rig> {
    await using resources = new AsyncDisposableStack();
    const scratch = resources.use(await Scratch.make());
    await scratch.addVersion("digits", { model: "digits", version: 1 });
    await scratch.addVersion("tiny", { model: "tiny", version: 1 });
    const server = await Server.start([
      ...["config", "--config_path", await scratch.writeConfig({ digits: {}, tiny: {} })],
      ...["--file_system_poll_wait_seconds", "0.05", "--enable_batching"],
      ...["--rest_port", "any", "--rest_bind_address", "127.0.0.1"],
      ...["--metrics_port", "0", "--metrics_bind_address", "127.0.0.1"],
    ]);
    resources.move();
    return new Rig(scratch, server);
  }

  /** Requests of all sorts, over both protocols: good ones, and two that fail. */
  async ask(): Promise<void> {
    const predict = (name: string, inputs = {}) => this.#client.predict({ "model_spec": { name }, inputs });
    await Promise.all(Array.from({ length: 5 }, () => predict("digits", { image: IMAGE })));
    await assert.rejects(predict("tiny"), { code: CODE.INVALID_ARGUMENT });
    await assert.rejects(predict("other"), { code: CODE.NOT_FOUND });
    const body = JSON.stringify({ instances: [[3]] });
    for (
      const request of [
        new Request(`${this.#rest}/v1/models/tiny:predict`, { method: "POST", body }),
        `${this.#rest}/v1/models/tiny`,
      ]
    ) {
      const response = await fetch(request);
      assert.equal(response.status, 200, await response.text());
    }
  }

  /** Adds a new version and waits until the old one is unloaded. */
  async swap(version: number): Promise<void> {
    await this.scratch.addVersion("digits", { model: "digits", version });
    const isGone = (event: Readonly<Record<string, unknown>>) =>
      event.name === "digits" && event.version === version - 1 && event.state === "end";
    await this.server.event("version state changed", isGone);
  }

  async page(): Promise<string> {
    return await (await fetch(`http://${this.metrics}/metrics`)).text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** Runs promtool; returns its output and exit code. */
async function runPromtool(args: readonly string[], input = ""): Promise<{ code: number; text: string }> {
  const process = new Deno.Command(promtool ?? "", {
    args: [...args],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await process.output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** The values of the dashboard's variables, as Grafana asks Prometheus for them. */
async function variableValues(
  watching: Prometheus,
  variables: readonly Variable[],
): Promise<Map<string, readonly string[]>> {
  const values = new Map<string, readonly string[]>();
  for (const { name, type, query } of variables) {
    if (type === "datasource") continue;
    const [, metric = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec((query as { query: string }).query) ?? [];
    values.set(name, await watching.labelValues(metric, label));
  }
  return values;
}

Deno.test({
  name: "Prometheus scrapes the metrics, and every expression of the dashboard and of the alerts has an answer",
  ignore: prometheus === undefined,
  fn: async () => {
    await using rig = await Rig.start();
    await using watching = await Prometheus.start(prometheus ?? "", { targets: [rig.metrics], rulesPath: RULES });
    // A rate is that of what rises between two looks, so each thing happens again after it was seen.
    await rig.ask();
    await watching.until('ovserve_requests_total{model="digits",version="1",code="OK"} == 5');
    await rig.ask();
    await watching.until('ovserve_requests_total{model="digits",version="1",code="OK"} == 10');
    await rig.swap(2);
    await watching.until('ovserve_unloads_total{model="digits",outcome="ok"} == 1');
    await rig.swap(3);
    await rig.ask();
    await watching.until('ovserve_requests_total{model="digits",version="3",code="OK"} == 5');
    await watching.until('ovserve_unloads_total{model="digits",outcome="ok"} == 2');

    const { panels, templating: { list: variables } } = readDashboard();
    const values = await variableValues(watching, variables);
    assert.deepEqual(values, new Map([["instance", [rig.metrics]], ["model", ["digits", "tiny"]]]));
    const choices: Readonly<Record<string, Choice>>[] = [{ instance: "all", model: "all" }, {
      instance: [rig.metrics],
      model: ["digits"],
    }];
    for (const chosen of choices) {
      const all = new Map(variables.map(({ name, allValue }) => {
        const choice = { chosen: chosen[name] ?? "all", values: values.get(name) ?? [] };
        return [name, allValue === undefined ? choice : { ...choice, allValue }];
      }));
      for (const { title, targets } of panels) {
        for (const { expr, legendFormat } of targets) {
          const samples = await watching.query(interpolate(expr, all));
          assert(samples.some(({ value }) => Number.isFinite(value)), `${title} shows nothing for ${expr}`);
          for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
            assert(samples.some(({ labels }) => label in labels), `${title} has no ${label}: ${expr}`);
          }
        }
      }
    }

    const families = readExposition(await rig.page());
    for (const { name, samples } of families.values()) {
      const [sample] = samples.keys();
      if (sample === undefined) assert.match(name, /warmup|example|padding/, `${name} has nothing to tell`);
      // Names with colons, which TensorFlow Serving's begin with, are names like any other.
      else assert((await watching.query(sample.split("{")[0] ?? "")).length > 0, `${name} was not taken`);
    }

    const rules = await watching.rules();
    assert.equal(rules.length, 10);
    for (const { name, query, health, lastError } of rules) {
      assert.equal(health, "ok", `${name}: ${lastError}`);
      for (const [metric] of query.matchAll(/\b(?:ovserve|process)_\w+/g)) {
        assert((await watching.query(metric)).length > 0, `${name} asks for ${metric}, which is not there`);
      }
    }
    await Deno.mkdir(`${rig.scratch.path}/digits/4`);
    await rig.scratch.write("digits/4/model.xml", "<net>nothing of the sort</net>");
    await rig.scratch.write("digits/4/model.bin", "");
    await watching.until('ALERTS{alertname="OvserveLoadFails",alertstate="firing",model="digits"}');
  },
});

Deno.test({
  name: "promtool warns about nothing on the metrics page but other servers' names",
  ignore: promtool === undefined,
  fn: async () => {
    await using rig = await Rig.start();
    await rig.ask();
    const { code, text } = await runPromtool(["check", "metrics"], await rig.page());
    assert.equal(code, PROMTOOL_LINT, text);
    const own = text.trim().split("\n").filter((line) => !/^(?::tensorflow:|ovms_|nv_inference_)/.test(line));
    assert.deepEqual(own, []);
  },
});

Deno.test({
  name: "the alerts are valid, and each fires when it should and only then",
  ignore: promtool === undefined,
  fn: async () => {
    const checked = await runPromtool(["check", "rules", RULES]);
    assert.equal(checked.code, 0, checked.text);
    const tested = await runPromtool(["test", "rules", "tests/operations/telemetry/alerts.yaml"]);
    assert.equal(tested.code, 0, tested.text);
    const tests = await Deno.readTextFile(`${ROOT}tests/operations/telemetry/alerts.yaml`);
    for (const [, alert = ""] of (await Deno.readTextFile(RULES)).matchAll(/alert: (\w+)/g)) {
      assert(tests.split(`alertname: ${alert}`).length > 2, `${alert} is not tested both ways`);
    }
  },
});
