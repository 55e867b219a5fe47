/** OpenVINO's threads: as many as the processors that the process may use, and none of them pinned. */
import assert from "node:assert/strict";
import { countProcessors } from "../../src/system/libc.ts";
import { FfiEngine } from "../../src/engine/openvino_ffi/engine.ts";
import { findRuntime } from "../../src/engine/openvino_ffi/runtime/discovery.ts";
import { inControlGroup, isMissing, onProcessor, removeControlGroup } from "../../src/system/testing/environments.ts";
import { PredictionClient } from "../support/prediction_client.ts";
import { python } from "../support/python.ts";
import { Scratch } from "../support/scratch.ts";
import { modelPath } from "../support/model_path.ts";
import { Server } from "../support/server.ts";
import { writeSlowModel } from "../support/slow_model.ts";

/** Prints the affinity of every thread of a process again and again, `0-1`, `0`, … a line each, until it is ended. */
const WATCH_THREADS = `
import glob, sys
while True:
    for path in glob.glob(f"/proc/{sys.argv[1]}/task/*/status"):
        try:
            with open(path) as file:
                lines = [line for line in file if line.startswith("Cpus_allowed_list:")]
        except OSError:
            continue
        for line in lines:
            print(line.split()[1])
    print("round", flush=True)
`;

const interpreter = await python();
const processors = countProcessors();
const isOneProcessor = processors === undefined || processors.allowed < 2;

/** How often all threads are checked while both models infer: a pinned thread is seen within about ten checks. */
const LOOKS = 200;

/**
 * Lets two models infer at once and checks the threads meanwhile.
 *
 * @param options.looks the most checks; it ends earlier once a pinned thread was seen.
 */
async function watchThreads(
  { pluginConfig, looks }: { pluginConfig: Record<string, unknown>; looks: number },
): Promise<ReadonlySet<string>> {
  await using scratch = await Scratch.make();
  for (const name of ["one", "other"]) await writeSlowModel(`${scratch.path}/${name}/1`);
  const config = await scratch.writeConfig({
    one: { plugin_config: pluginConfig },
    other: { plugin_config: pluginConfig },
  });
  await using server = await Server.start(["config", "--config_path", config]);
  using client = new PredictionClient(server.address);
  let isOver = false;
  const infer = async (name: string) => {
    while (!isOver) {
      await client.predict({
        model_spec: { name },
        inputs: { x: { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 1 }] }, float_val: [1] } },
      });
    }
  };
  const inferring = Promise.all(["one", "other", "one", "other"].map(infer));
  const watch = new Deno.Command(interpreter ?? "", {
    args: ["-c", WATCH_THREADS, String(server.pid)],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const seen = new Set<string>();
  try {
    let rounds = 0;
    let rest = "";
    for await (const text of watch.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "round") rounds++;
        else seen.add(line);
      }
      if (rounds >= looks || seen.size > 1) break;
    }
  } finally {
    isOver = true;
    watch.kill();
    await watch.status;
    await inferring;
  }
  return seen;
}

Deno.test({
  name: "no thread is pinned while two models infer",
  ignore: interpreter === undefined || isOneProcessor,
  fn: async () => {
    const seen = await watchThreads({ pluginConfig: {}, looks: LOOKS });
    assert.equal(seen.size, 1, `threads may run on ${[...seen].join(" or ")}`);
  },
});

Deno.test({
  name: "threads are pinned if plugin_config says so",
  ignore: interpreter === undefined || isOneProcessor,
  fn: async () => {
    const seen = await watchThreads({ pluginConfig: { ENABLE_CPU_PINNING: true }, looks: Infinity });
    assert.ok(seen.size > 1);
  },
});

const runtime = openvinoPath();

/** Compiles a model and returns the values of some properties, joined by spaces. */
async function compileAndRead(
  { cpuThreadsMax, device = "CPU", properties = {}, read }: {
    cpuThreadsMax?: number;
    device?: string;
    properties?: Record<string, string>;
    read: readonly string[];
  },
): Promise<string> {
  using engine = new FfiEngine(runtime ?? "", { cpuThreadsMax });
  using model = await engine.read(`${modelPath("tiny")}/1/tiny.xml`);
  using compiled = await model.compile({ device, properties: new Map(Object.entries(properties)) });
  return read.map((name) => compiled.readProperty(name)).join(" ");
}

Deno.test({
  name:
    "OpenVINO uses no more threads than the engine allows, and pins none, unless a model's properties say otherwise",
  ignore: runtime === undefined || isOneProcessor,
  fn: async () => {
    const read = ["NUM_STREAMS", "INFERENCE_NUM_THREADS", "ENABLE_CPU_PINNING"];
    const hinted = { PERFORMANCE_HINT: "THROUGHPUT" };
    assert.equal(await compileAndRead({ cpuThreadsMax: 1, properties: hinted, read }), "1 1 NO");
    const own = { ...hinted, INFERENCE_NUM_THREADS: "2", ENABLE_CPU_PINNING: "YES" };
    assert.equal(await compileAndRead({ cpuThreadsMax: 1, properties: own, read }), "2 2 YES");
    // A virtual device passes the CPU's properties on.
    const optimal = { device: "HETERO:CPU", read: ["OPTIMAL_NUMBER_OF_INFER_REQUESTS"], properties: hinted };
    assert.equal(await compileAndRead({ cpuThreadsMax: 1, ...optimal }), "1");
    assert.ok(Number(await compileAndRead(optimal)) > 1);
  },
});

/** The properties of a model that keeps all processors busy, as logged by a server with these arguments. */
async function measuredBy(through: readonly string[]): Promise<Record<string, unknown>> {
  await using scratch = await Scratch.make();
  await writeSlowModel(`${scratch.path}/slow/1`);
  const args = ["model", "--model_name", "slow", "--model_path", `${scratch.path}/slow`];
  await using server = await Server.start(args, { through });
  const { cores, coresLimit } = await server.event("engine opened");
  const { hint, streams, threads, isPinned, inferRequestCount } = await server.event("model measured");
  return { cores, coresLimit, hint, streams, threads, isPinned, inferRequestCount };
}

const ONE_CORE = { cores: 1, hint: "THROUGHPUT", streams: 1, threads: 1, isPinned: false, inferRequestCount: 1 };

const QUOTA = { quotaUs: 40_000, periodUs: 100_000 };
const way = { affinity: await onProcessor(0), quota: await inControlGroup(QUOTA) };

Deno.test({
  name: "a server with an affinity of one processor has one inference thread",
  ignore: isOneProcessor || isMissing(way.affinity, "one processor"),
  fn: async () => {
    assert.deepEqual(await measuredBy(way.affinity.through), { ...ONE_CORE, coresLimit: "affinity" });
  },
});

Deno.test({
  name: "a server with a quota below one processor has one inference thread",
  ignore: isOneProcessor || isMissing(way.quota, "a quota of processor time"),
  fn: async () => {
    try {
      assert.deepEqual(await measuredBy(way.quota.through), { ...ONE_CORE, coresLimit: "quota" });
    } finally {
      await removeControlGroup(QUOTA);
    }
  },
});

function openvinoPath(): string | undefined {
  try {
    return findRuntime().path;
  } catch {
    return undefined;
  }
}
