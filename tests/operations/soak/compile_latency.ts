/**
 * `deno run --allow-all tests/operations/soak/compile_latency.ts [ROUNDS [CALLERS [FLAGS…]]]`: latency of a ResNet-50
 * while another version loads, and without, in turns. `bench/models.py` makes the model.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { floatTensor, PredictionClient } from "../../support/prediction_client.ts";
import { Scratch } from "../../support/scratch.ts";
import { Server } from "../../support/server.ts";

const MODEL = fileURLToPath(new URL("../../../.ovserve/bench/models/resnet50v1/1/", import.meta.url));
const NAME = "resnet50v1";
const QUIET_MS = 3000;
const [rounds = "20", callers = "1", ...flags] = Deno.args;

/** Latencies in milliseconds of one kind of time. */
class Latencies {
  readonly ms: number[] = [];

  quantile(q: number): number {
    const sorted = this.ms.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
  }
}

await using scratch = await Scratch.make();
await addVersion(1);
const config = await scratch.writeConfig({ [NAME]: { "model_version_policy": { all: {} } } });
await using server = await Server.start([
  ...["config", "--config_path", config, "--file_system_poll_wait_seconds", "0.1", ...flags],
]);
using client = new PredictionClient(server.address);
const shape = [1, 224, 224, 3];
const pixels = Array.from({ length: 224 * 224 * 3 }, (_, i) => (i * 31 % 255) / 255);
const request = { "model_spec": { name: NAME, version: { value: 1 } }, "inputs": { x: floatTensor(pixels, shape) } };
for (let i = 0; i < 10; i++) await client.predict(request);

const quiet = new Latencies();
const loading = new Latencies();
let loadMs = 0;
say(["round", "quiet p50", "quiet p99", "loading p50", "loading p99", "ratio p99", "load took"]);
say(Array(7).fill("---:"));
const ratios: number[] = [];
for (let round = 1; round <= Number(rounds); round++) {
  const before = new Latencies();
  await predictUntil(before, sleep(QUIET_MS));
  const during = new Latencies();
  const version = round + 1;
  await addVersion(version);
  await stateOf(version, "loading");
  const loadStart = performance.now();
  await predictUntil(during, stateOf(version, "available"));
  loadMs = performance.now() - loadStart;
  await Deno.remove(`${scratch.path}/${NAME}/${version}`, { recursive: true });
  await stateOf(version, "end");
  quiet.ms.push(...before.ms);
  loading.ms.push(...during.ms);
  ratios.push(during.quantile(0.99) / before.quantile(0.99));
  report(String(round), before, during);
}
report("all", quiet, loading);
say([`requests: ${quiet.ms.length} quiet, ${loading.ms.length} while loading`]);
say(["ratios of p99, sorted", ratios.toSorted((a, b) => a - b).map((ratio) => ratio.toFixed(2)).join(", ")]);

function report(label: string, before: Latencies, during: Latencies): void {
  const cells = [before, during].flatMap((latencies) => [latencies.quantile(0.5), latencies.quantile(0.99)]);
  const ratio = during.quantile(0.99) / before.quantile(0.99);
  say([label, ...cells.map((ms) => ms.toFixed(1)), ratio.toFixed(2), `${(loadMs / 1000).toFixed(1)} s`]);
}

async function predictUntil(latencies: Latencies, end: Promise<unknown>): Promise<void> {
  let isOver = false;
  void end.then(() => isOver = true);
  const call = async () => {
    while (!isOver) {
      const start = performance.now();
      await client.predict(request);
      latencies.ms.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: Number(callers) }, call));
}

async function addVersion(version: number): Promise<void> {
  const folder = `${scratch.path}/${NAME}`;
  await Deno.mkdir(`${folder}/incoming`, { recursive: true });
  for (const file of ["model.xml", "model.bin"]) await Deno.copyFile(`${MODEL}${file}`, `${folder}/incoming/${file}`);
  await Deno.rename(`${folder}/incoming`, `${folder}/${version}`);
}

async function stateOf(version: number, state: string): Promise<void> {
  await server.event("version state changed", (event) => event.version === version && event.state === state);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function say(cells: readonly string[]): void {
  // deno-lint-ignore no-console
  console.log(`| ${cells.join(" | ")} |`);
}
