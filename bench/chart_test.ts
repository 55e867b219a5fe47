import assert from "node:assert/strict";
import { drawChart, escapeXml } from "./chart.ts";
import type { CaseReport, Entry } from "./report.ts";

function report(name: string, entries: readonly Entry[]): CaseReport {
  const measured = { date: "2026-11-23", machine: "2 CPUs", load: 0, rounds: 1, seconds: 1 };
  return { name, title: name, unit: "request", measured, entries };
}

Deno.test("escapeXml() escapes what would end an element or an attribute", () => {
  assert.equal(escapeXml(`<a b="c">&amp;`), "&lt;a b=&quot;c&quot;&gt;&amp;amp;");
});

Deno.test("drawChart() escapes the labels of contenders", () => {
  const svg = drawChart([report("start", [{ label: "<script>&", isPeer: true, rounds: [{ startMs: 1 }] }])]);
  assert(!svg.includes("<script"));
  assert(svg.includes("&lt;script&gt;&amp;"));
});

Deno.test("drawChart() has a bar for each contender with the figure, ours in its own colour", () => {
  const svg = drawChart([report("tiny", [
    { label: "ovserve", isPeer: false, rounds: [{ rate: 300, cpuUs: 4 }] },
    { label: "grpc-js", isPeer: true, rounds: [{ rate: 100 }] },
    { label: "absent", isPeer: true, rounds: [], absent: "missing" },
  ])]);
  assert.equal(svg.match(/class="ours" /g)?.length, 2);
  assert.equal(svg.match(/class="peer" /g)?.length, 1);
  assert(!svg.includes("absent"));
});

Deno.test("drawChart() leaves out cases it has no panel for, and draws numbers only", () => {
  const svg = drawChart([
    report("unknown", [{ label: "nobody", isPeer: false, rounds: [{ rate: 1 }] }]),
    report("tiny", [{ label: "zero", isPeer: false, rounds: [{ rate: 0 }] }]),
  ]);
  assert(!svg.includes("nobody"));
  assert(svg.includes("zero"));
  assert(!/NaN|Infinity|undefined/.test(svg));
});
