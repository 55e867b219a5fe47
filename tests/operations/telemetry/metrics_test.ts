/** Metrics and readiness over HTTP, as a Prometheus and a Kubernetes see the whole program. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { CODE } from "../../../src/base/status.ts";
import { checkNames, readExposition, type ReadFamily } from "./exposition.ts";
import { floatTensor, type Message, PredictionClient } from "../../support/prediction_client.ts";
import { modelPath } from "../../support/model_path.ts";
import { Server } from "../../support/server.ts";

const TINY = ["model", "--model_name", "tiny", "--model_path", modelPath("tiny")];
const OPEN = ["--rest_port", "any", "--rest_bind_address", "127.0.0.1"];
const APART = ["--metrics_port", "0", "--metrics_bind_address", "127.0.0.1"];

/** A Predict request to a model, with the input of the tiny one. */
function request(name: string, inputs: Message = { x: floatTensor([3], [1, 1]) }): Message {
  return { "model_spec": { name }, inputs };
}

interface Addresses {
  readonly rest: string;
  readonly metrics: string;
}

async function addressesOf(server: Server): Promise<Addresses> {
  const { rest, metrics } = await server.event("server started");
  return { rest: rest as string, metrics: metrics as string };
}

async function get(address: string, path: string): Promise<{ status: number; type: string | null; text: string }> {
  const response = await fetch(`http://${address}${path}`);
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
}

/** The value of the series whose labels hold all of some texts, in any order. */
function value(families: ReadonlyMap<string, ReadFamily>, name: string, labels: readonly string[] = []): number {
  const family = [...families.values()].find((candidate) => name.startsWith(candidate.name) && hasSample(candidate));
  const found = [...family?.samples ?? []].filter(([key]) => isAsked(key));
  assert.equal(found.length, 1, `${name} with ${labels.join()}: ${found.length} series`);
  return found[0]?.[1] ?? NaN;

  function isAsked(key: string): boolean {
    return (key === name || key.startsWith(`${name}{`)) && labels.every((label) => key.includes(label));
  }

  function hasSample({ samples }: ReadFamily): boolean {
    return [...samples.keys()].some(isAsked);
  }
}

Deno.test("metrics count requests of both protocols, on both ports and at both paths", async () => {
  await using server = await Server.start([...TINY, ...OPEN, ...APART]);
  const { rest, metrics } = await addressesOf(server);
  using client = new PredictionClient(server.address);
  for (let i = 0; i < 3; i++) await client.predict(request("tiny"));
  await assert.rejects(client.predict(request("tiny", {})), { code: CODE.INVALID_ARGUMENT });
  await assert.rejects(client.predict(request("other")), { code: CODE.NOT_FOUND });
  const body = JSON.stringify({ instances: [[3]] });
  const answer = await fetch(`http://${rest}/v1/models/tiny:predict`, { method: "POST", body });
  const answerText = await answer.text();
  assert.deepEqual(JSON.parse(answerText), { predictions: [[7]] });

  for (const [address, path] of [[rest, "/metrics"], [metrics, "/monitoring/prometheus/metrics"]] as const) {
    const { status, type, text } = await get(address, path);
    assert.equal(status, 200);
    assert.equal(type, "text/plain; version=0.0.4; charset=utf-8");
    const families = readExposition(text);
    const predict = ['method="Predict"', 'model="tiny"', 'version="1"'];
    assert.equal(value(families, "ovserve_requests_total", [...predict, '"gRPC"', 'code="OK"']), 3);
    assert.equal(value(families, "ovserve_requests_total", [...predict, '"gRPC"', 'code="INVALID_ARGUMENT"']), 1);
    assert.equal(value(families, "ovserve_requests_total", [...predict, '"REST"', 'code="OK"']), 1);
    assert.equal(value(families, "ovserve_requests_total", ['model=""', 'code="NOT_FOUND"']), 1);
    assert.equal(value(families, "ovserve_request_phase_duration_seconds_count", [...predict, '"gRPC"', "infer"]), 3);
    assert(value(families, "ovserve_request_duration_seconds_sum", [...predict, '"gRPC"']) > 0);
    assert.equal(value(families, ":tensorflow:serving:request_count", ['model_name="tiny"', 'status="OK"']), 4);
    assert.equal(value(families, "ovms_requests_success", ['interface="gRPC"', 'name="tiny"']), 3);
    const triton = ['model="tiny"', 'version="1"'];
    assert.equal(value(families, "nv_inference_request_success", triton), 4);
    assert.equal(value(families, "nv_inference_request_failure", [...triton, 'reason="OTHER"']), 1);
    assert.equal(value(families, "nv_inference_request_failure", [...triton, 'reason="BACKEND"']), 0);
    assert.equal(value(families, "nv_inference_count", triton), 4);
    assert.equal(value(families, "nv_inference_exec_count", triton), 4);
    for (const part of ["request", "compute_input", "compute_infer", "compute_output"]) {
      assert(value(families, `nv_inference_${part}_duration_us`, triton) > 0, part);
    }
    assert(value(families, "nv_inference_queue_duration_us", triton) >= 0);
    assert.equal(value(families, "nv_inference_pending_request_count", triton), 0);
    assert.equal(value(families, "ovserve_version_state", ['model="tiny"', 'state="available"']), 1);
    assert.equal(value(families, "ovserve_loads_total", ['outcome="ok"']), 1);
    assert.equal(value(families, "ovserve_infer_requests_in_use"), 0);
    assert.equal(value(families, "ovserve_grpc_connections"), 1);
    assert(value(families, "ovserve_grpc_received_bytes_total") > 100);
    assert(value(families, "process_resident_memory_bytes") > 1e6);
    assert.equal(value(families, "ovserve_ready"), 1);
    assert.equal(value(families, "ovserve_rest_requests"), 0);
    assert.equal(value(families, "ovserve_rest_received_bytes_total"), body.length);
    assert.equal(value(families, "ovserve_rest_sent_bytes_total"), answerText.length);
    const folder = `model_path="${modelPath("tiny")}/1"`;
    assert.equal(value(families, ":tensorflow:cc:saved_model:load_attempt_count", [folder, 'status="success"']), 1);
    assert(value(families, "ovms_streams", ['name="tiny"']) >= 1);
    assert(value(families, "process_open_fds") > 3);
    assert(value(families, "process_virtual_memory_bytes") > value(families, "process_resident_memory_bytes"));
    checkNames([...families.values()].filter(({ name }) => /^(ovserve|process)_/.test(name)));
  }
});

Deno.test("metrics count metadata and status requests under the model's name, over both protocols", async () => {
  await using server = await Server.start([...TINY, ...OPEN]);
  const { rest } = await addressesOf(server);
  using client = new PredictionClient(server.address);
  const spec = { "model_spec": { name: "tiny" } };
  await client.call("tensorflow.serving.PredictionService", "GetModelMetadata", {
    request: { ...spec, "metadata_field": ["signature_def"] },
  });
  await client.call("tensorflow.serving.ModelService", "GetModelStatus", { request: spec });
  for (const path of ["", "/metadata"]) assert.equal((await get(rest, `/v1/models/tiny${path}`)).status, 200);
  const families = readExposition((await get(rest, "/metrics")).text);
  for (const by of ["gRPC", "REST"]) {
    const about = ['model="tiny"', `interface="${by}"`, 'code="OK"'];
    const [metadata, status] = [['method="GetModelMetadata"', 'version="1"'], [
      'method="GetModelStatus"',
      'version=""',
    ]];
    assert.equal(value(families, "ovserve_requests_total", [...about, ...metadata]), 1, by);
    assert.equal(value(families, "ovserve_requests_total", [...about, ...status]), 1, by);
    assert.equal(value(families, "ovms_requests_success", [`interface="${by}"`, 'method="GetModelStatus"']), 1, by);
  }
});

Deno.test("metrics expose how many examples requests had", async () => {
  const folder = fileURLToPath(new URL("../../apis/tensorflow_serving/tensorflow/examples", import.meta.url));
  await using server = await Server.start(["model", "--model_name", "m", "--model_path", folder, ...OPEN]);
  const { rest } = await addressesOf(server);
  const ask = async (examples: readonly unknown[]) => {
    const body = JSON.stringify({ examples });
    const response = await fetch(`http://${rest}/v1/models/m:classify`, { method: "POST", body });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await ask([{ a: 1 }, { a: 2 }, { a: 3 }]), 200);
  assert.equal(await ask([{ a: 1 }]), 200);
  assert.equal(await ask([]), 400);
  const families = readExposition((await get(rest, "/metrics")).text);
  assert.equal(value(families, ":tensorflow:serving:request_example_count_total", ['model="m"']), 4);
  assert.equal(value(families, ":tensorflow:serving:request_example_counts_count", ['model="m"']), 2);
});

Deno.test("metrics expose a version that cannot be loaded", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/7`);
    await Deno.writeTextFile(`${folder}/7/model.xml`, "<net>nothing of the sort</net>");
    await Deno.writeTextFile(`${folder}/7/model.bin`, "");
    await using server = await Server.start(["--model_name", "bad", "--model_base_path", folder, ...OPEN]);
    const { rest } = await addressesOf(server);
    const families = readExposition((await get(rest, "/metrics")).text);
    assert.equal(value(families, "ovserve_version_state", ['model="bad"', 'version="7"', 'state="end"']), 1);
    assert.equal(value(families, "ovserve_loads_total", ['model="bad"', 'outcome="error"']), 1);
    assert.equal(value(families, "ovserve_ready"), 0);
    const ready = await get(rest, "/v2/health/ready");
    assert.deepEqual([ready.status, JSON.parse(ready.text)], [503, { ready: false }]);
    assert.equal((await get(rest, "/v2/health/live")).status, 200);
    assert.equal((await get(rest, "/v2/models/bad/ready")).status, 503);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("metrics expose how many rows batches have", async () => {
  const digits = ["model", "--model_name", "digits", "--model_path", modelPath("digits")];
  // A log of each request has each of them timed; else a burst as quick as this one is timed in part.
  await using server = await Server.start([...digits, ...OPEN, "--enable_batching", "--access_log"]);
  const { rest } = await addressesOf(server);
  using client = new PredictionClient(server.address);
  const image = floatTensor(new Array(64).fill(0), [1, 8, 8]);
  await Promise.all(Array.from({ length: 20 }, () => client.predict(request("digits", { image }))));
  const families = readExposition((await get(rest, "/metrics")).text);
  assert.equal(value(families, "ovserve_batch_rows_sum"), 20);
  assert.equal(value(families, ":tensorflow:serving:batching_session:input_batch_size_sum"), 20);
  assert.equal(value(families, ":tensorflow:serving:batching_session:queuing_latency_count"), 20);
  assert.equal(value(families, "ovserve_request_phase_duration_seconds_count", ['phase="queue"']), 20);
});

Deno.test("readiness is exposed over HTTP, for the server and its models", async () => {
  await using server = await Server.start([...TINY, ...OPEN, ...APART]);
  const { rest, metrics } = await addressesOf(server);
  for (const address of [rest, metrics]) {
    const answers = {
      "/v2/health/live": [200, { live: true }],
      "/v2/health/ready": [200, { ready: true }],
      "/v2/models/tiny/ready": [200, { name: "tiny", ready: true }],
      "/v2/models/tiny/versions/1/ready": [200, { name: "tiny", ready: true }],
      "/v2/models/tiny/versions/2/ready": [404, { error: "There is no version 2 of model tiny" }],
      "/v2/models/other/ready": [404, { error: "There is no model other" }],
    };
    for (const [path, expected] of Object.entries(answers)) {
      const { status, text } = await get(address, path);
      assert.deepEqual([status, JSON.parse(text)], expected, path);
    }
    const head = await fetch(`http://${address}/v2/health/ready`, { method: "HEAD" });
    assert.deepEqual([head.status, await head.text()], [200, ""]);
  }
  assert.equal((await get(metrics, "/v1/models/tiny")).status, 404, "the port is for those who watch");
});

Deno.test("--monitoring_config_file sets whether and where metrics are exposed", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, 'prometheus_config { enable: true path: "/own/path" }');
    await using server = await Server.start([...TINY, ...OPEN, "--monitoring_config_file", file]);
    const { rest } = await addressesOf(server);
    assert.equal((await get(rest, "/own/path")).status, 200);
    await Deno.writeTextFile(file, "prometheus_config { enable: false }");
    await using silent = await Server.start([...TINY, ...OPEN, "--monitoring_config_file", file]);
    const { rest: silentRest } = await addressesOf(silent);
    assert.equal((await get(silentRest, "/metrics")).status, 404);
    assert.equal((await get(silentRest, "/v2/health/ready")).status, 200);
  } finally {
    await Deno.remove(file);
  }
});

/** The text of a file of the repository. */
function textOf(path: string): string {
  return Deno.readTextFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)));
}

/** The metrics that a text names. */
function namesIn(text: string): ReadonlySet<string> {
  const named = text.matchAll(/`((?:ovserve|process|ovms|nv|:tensorflow)_?[:a-z_]+)[`{]/g);
  return new Set(Array.from(named, ([, name]) => name ?? ""));
}

Deno.test("the documentation lists all metrics, and the dashboard queries only existing ones", async () => {
  await using server = await Server.start([...TINY, ...OPEN]);
  const { rest } = await addressesOf(server);
  const names = new Set(readExposition((await get(rest, "/metrics")).text).keys());
  const [told = "", absent = "", alerts = ""] = textOf("docs/operations.md").split(
    /^### (?:Metrics that do not apply|Alerts)/m,
  );
  const documented = namesIn(told);
  assert.deepEqual([...names].filter((name) => !documented.has(name)), []);
  assert.deepEqual([...documented, ...namesIn(alerts)].filter((name) => !names.has(name)), []);
  assert(namesIn(absent).size > 5);
  assert.deepEqual([...namesIn(absent)].filter((name) => names.has(name)), []);
  const asked = textOf("deploy/grafana/ovserve.json").matchAll(
    /\b((?:ovserve|process)_[a-z_]+?)(?:_(?:bucket|sum|count))?\{/g,
  );
  const shown = new Set(Array.from(asked, ([, name]) => name ?? ""));
  assert(shown.size > 15);
  assert.deepEqual([...shown].filter((name) => !names.has(name)), []);
});
