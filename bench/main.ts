// deno-lint-ignore-file no-console -- its output is a table for people
/**
 * `deno task bench`: this server beside its peers on the models of the benchmark, as a table and a chart. Names of cases as
 * arguments run only those; `--rounds N` (5), `--json FILE` keeps the figures, `--svg FILE` the chart.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installPythonPackages } from "../scripts/python_environment.ts";
import { installRuntime } from "../scripts/setup.ts";
import { drawChart, type Group } from "./chart.ts";
import { compare, median, ratio, type Result } from "./compare.ts";
import { benchmarkApp, type BenchModel, cppPeer, emptyServer, ovserve, pythonPeer } from "./contenders.ts";
import type { Load } from "./h2load.ts";
import type { Contender } from "./process.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const MODELS = `${ROOT}.ovserve/bench/models`;

interface Case {
  readonly name: string;
  readonly title: string;
  readonly load: Load;
  readonly contenders: readonly Contender[];
  /** Images a call, where benchmark_app gives the limit. */
  readonly limit?: { readonly model: BenchModel; readonly batch: number };
}

function benchModel(name: string, folder = MODELS, file = "model.xml"): BenchModel {
  return { name, path: `${folder}/${name}`, file: `${folder}/${name}/1/${file}` };
}

function allCases(): Case[] {
  const tiny = benchModel("tiny", `${ROOT}models`, "tiny.xml");
  const image = benchModel("image");
  const one = { connections: 1, streams: 1 };
  const peersOf = (model: BenchModel) => [ovserve(model), ...cppPeer(model, "TINY"), pythonPeer(model)];
  const cases: Case[] = [
    {
      name: "empty",
      title: "a method that does nothing, 1 connection x 32 streams",
      load: { modelName: "none", shape: [1], connections: 1, streams: 32, calls: 20_000 },
      contenders: [emptyServer("ours"), emptyServer("grpc-js")],
    },
    {
      name: "tiny",
      title: "trivial model, 8 connections x 32 streams",
      load: { modelName: "tiny", shape: [1, 1], connections: 8, streams: 32, calls: 40_000 },
      contenders: peersOf(tiny),
    },
    {
      name: "tiny-one",
      title: "trivial model, one request at a time",
      load: { modelName: "tiny", shape: [1, 1], ...one, calls: 5000 },
      contenders: peersOf(tiny),
    },
    {
      name: "image-1",
      title: "602 kB requests, next to no compute",
      load: { modelName: "image", shape: [1, 224, 224, 3], connections: 2, streams: 2, calls: 2000 },
      contenders: peersOf(image),
    },
    {
      name: "image-16",
      title: "9.6 MB requests, next to no compute",
      load: { modelName: "image", shape: [16, 224, 224, 3], connections: 2, streams: 2, calls: 200 },
      contenders: peersOf(image),
    },
    ...batchingCases(benchModel("mlp")),
  ];
  const resnets = [["resnet50", [1, 8, 16, 32]], ["resnet152", [1, 16]]] as const;
  for (const [name, batches] of resnets) {
    const model = benchModel(name);
    for (const batch of batches) {
      cases.push({
        name: `${name}-${batch}`,
        title: `${name}, batch ${batch}`,
        load: {
          modelName: name,
          shape: [batch, 224, 224, 3],
          connections: 2,
          streams: 1,
          calls: Math.max(4, Math.round((name === "resnet50" ? 60 : 24) / batch)),
        },
        contenders: [ovserve(model), ...cppPeer(model, "THROUGHPUT"), pythonPeer(model)],
        limit: { model, batch },
      });
    }
  }
  return cases;
}

/** One row a client with batching on and off; and what clients reach that send whole batches. */
function batchingCases(model: BenchModel): Case[] {
  const load = { modelName: "mlp", shape: [1, 64], connections: 64, streams: 1, calls: 40_000 };
  return [
    {
      name: "batching",
      title: "64 clients with one row each",
      load,
      contenders: [ovserve(model, ["--enable_batching"], "batching on"), ovserve(model, [], "batching off")],
    },
    ...[16, 64, 256].map((rows): Case => ({
      name: `client-batch-${rows}`,
      title: `batches of ${rows} rows made by 4 clients`,
      load: { ...load, shape: [rows, 64], connections: 4, calls: Math.round(100_000 / rows) },
      contenders: [ovserve(model)],
    })),
  ];
}

async function makeModels(): Promise<void> {
  await installRuntime();
  await installPythonPackages();
  await Deno.mkdir(MODELS, { recursive: true });
  const { success } = await new Deno.Command(`${ROOT}.ovserve/python/bin/python`, {
    args: [`${ROOT}bench/models.py`, MODELS],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("bench/models.py failed");
}

function rowOf(result: Result, subject: Result): Record<string, string> {
  const figure = (name: keyof Result["rounds"][number], digits = 3): string => {
    const { value, spread } = median(result.rounds.map((round) => round[name]));
    return `${value >= 1000 ? Math.round(value) : value.toPrecision(digits)} ±${Math.round(spread * 100)}%`;
  };
  const times = (name: keyof Result["rounds"][number]): string =>
    result === subject ? "" : ratio(subject, result, name).value.toFixed(2);
  return {
    server: result.label,
    "calls/s": figure("callsPerSecond"),
    "CPU µs": figure("cpuUs"),
    "mean µs": figure("mean"),
    "p50 µs": figure("p50"),
    "p99 µs": figure("p99"),
    "peak MB": result.peakMb.toFixed(0),
    failed: String(result.rounds.reduce((sum, round) => sum + round.failed, 0)),
    "rate ratio": times("callsPerSecond"),
    "CPU ratio": times("cpuUs"),
    "mean ratio": times("mean"),
  };
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { rounds: { type: "string", default: "5" }, json: { type: "string" }, svg: { type: "string" } },
  });
  await makeModels();
  const cases = allCases().filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const groups: Group[] = [];
  const kept: Record<string, unknown> = {};
  for (const { name, title, load, contenders, limit } of cases) {
    const results = await compare(contenders, { load, rounds: Number(values.rounds) });
    const [subject] = results;
    if (subject === undefined) continue;
    console.log(`\n${name}: ${title} (${load.calls} calls a round)`);
    console.table(results.map((result) => rowOf(result, subject)));
    const bars = results.map(({ label, rounds }) => ({
      label,
      value: median(rounds.map(({ callsPerSecond }) => callsPerSecond)).value,
    }));
    if (limit !== undefined) {
      const value = await benchmarkApp(limit.model, limit.batch);
      bars.push({ label: "benchmark_app", value });
      console.log(
        `benchmark_app: ${value.toFixed(2)} batches/s; ovserve ${((bars[0]?.value ?? NaN) / value).toFixed(3)} of it`,
      );
    }
    groups.push({ title: `${title}: calls a second`, bars });
    kept[name] = { load, results, bars };
    if (values.json !== undefined) await Deno.writeTextFile(values.json, JSON.stringify(kept, null, 1));
    if (values.svg !== undefined) await Deno.writeTextFile(values.svg, drawChart("ovserve beside its peers", groups));
  }
}

await main();
