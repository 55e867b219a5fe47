import assert from "node:assert/strict";
import type { CaseReport } from "./report.ts";
import { formatScaling, predict, worksOf } from "./scaling.ts";

const MACHINE = { cores: 10, memoryGBs: 100, networkGbits: 10 };
const WORK = { title: "", bytes: 1000, loopUs: 100, inferUs: 900, weightBytes: 0 };

Deno.test("predict() divides the cores by what a request costs, and asks for serving threads that are not always busy", () => {
  const { rate, limit, threads } = predict(WORK, MACHINE);
  assert.deepEqual({ rate, limit, threads }, { rate: 10_000, limit: "cores", threads: 2 });
});

Deno.test("predict() takes a thread a core where the serving thread infers", () => {
  const { rate, threads } = predict({ ...WORK, inferUs: 0 }, MACHINE);
  assert.deepEqual({ rate, threads }, { rate: 100_000, threads: 10 });
});

Deno.test("predict() stops where the network is full", () => {
  const { rate, limit, networkGbits } = predict({ ...WORK, bytes: 1e6 }, MACHINE);
  assert.equal(limit, "network");
  assert.equal(Math.round(rate), 1190);
  assert.equal(networkGbits.toFixed(6), "10.000000");
});

Deno.test("predict() stops where weights that fit no cache fill the memory bus", () => {
  const { rate, limit } = predict({ ...WORK, bytes: 0, weightBytes: 1e8 }, MACHINE);
  assert.deepEqual({ rate, limit }, { rate: 1000, limit: "memory" });
});

function report(name: string, cpuUs: Readonly<Record<string, number>>): CaseReport {
  const measured = { date: "2026-11-23", machine: "2 CPUs", load: 0, rounds: 1, seconds: 1 };
  const entries = Object.entries(cpuUs).map(([label, cpuUs]) => ({ label, isPeer: false, rounds: [{ cpuUs }] }));
  return { name, title: name, unit: "image", measured, entries };
}

const REPORTS = [
  report("tiny", { ovserve: 6 }),
  report("image-16", { ovserve: 200 }),
  report("resnet50v1-16", { "ovserve": 36_000, "benchmark_app": 35_000 }),
];

Deno.test("worksOf() takes serving from the model without compute and inference from benchmark_app, a batch at a time", () => {
  const costs = worksOf(REPORTS).map(({ title, loopUs, inferUs }) => [title, loopUs, inferUs]);
  assert.deepEqual(costs, [
    ["trivial model", 6, 0],
    ["9.6 MB, next to no compute", 3200, 0],
    ["ResNet-50 v1, batch 16", 3200, 560_000],
  ]);
});

Deno.test("formatScaling() has a row for each work and a column for each machine", () => {
  const lines = formatScaling(REPORTS).trimEnd().split("\n");
  assert.equal(lines.length, 5);
  assert.match(lines[4] ?? "", /ResNet-50 v1, batch 16.*\| +14\.2 \(cores; 1 thread, 1\.15 Gbit\/s\)/);
});
