import assert from "node:assert/strict";
import type { CaseReport, Entry } from "./report.ts";
import { formatCase, formatMiddle, formatNumber } from "./table.ts";

function report(entries: readonly Entry[]): CaseReport {
  const measured = { date: "2026-11-23", machine: "2 CPUs", load: 0.5, rounds: 2, seconds: 10 };
  return { name: "tiny", title: "trivial model", unit: "request", measured, entries };
}

const OURS = { label: "ovserve", isPeer: false, rounds: [{ rate: 300, cpuUs: 5 }, { rate: 500, cpuUs: 5 }] };
const PEER = { label: "c++", isPeer: true, rounds: [{ rate: 100, cpuUs: 20 }, { rate: 100, cpuUs: 20 }] };

Deno.test("formatCase() has a row for each contender, and a ratio of each of ours to each peer", () => {
  assert.equal(
    formatCase(report([OURS, PEER])),
    `### tiny: trivial model

2026-11-23, 2 CPUs, load 0.5; 2 rounds in 10 s.

|         | requests a second | CPU µs, request | failed |
| ------- | ----------------: | --------------: | -----: |
| ovserve |         400 ±25 % |               5 |      0 |
| c++     |               100 |              20 |      0 |

| ratio         | a second |  CPU |
| ------------- | -------: | ---: |
| ovserve / c++ |  4 ±25 % | 0.25 |
`,
  );
});

Deno.test("formatCase() compares ours with the entry of a group that has the highest rate", () => {
  const variant = (label: string, rate: number) => ({ label, isPeer: true, group: "batches", rounds: [{ rate }] });
  const text = formatCase(report([OURS, variant("small", 100), variant("large", 600), variant("huge", 200)]));
  assert.match(text, /^\| ovserve \/ the best of batches, large +\| +0\.5 \|/m);
});

Deno.test("formatCase() highlights failures and names absent contenders with the reason", () => {
  const failing = { ...OURS, rounds: [{ rate: 1, failed: 3 }] };
  const absent = { label: "python", isPeer: true, rounds: [], absent: "there is no Python" };
  const text = formatCase(report([failing, absent]));
  assert.match(text, /^\*\*FAILED: 3 calls of ovserve /m);
  assert.match(text, /^python is absent: there is no Python\.$/m);
  assert(!text.includes("| python"));
});

Deno.test("formatMiddle() shows a spread other than 0", () => {
  assert.equal(formatMiddle({ value: 12345, spread: 0.123 }), "12,350 ±12 %");
  assert.equal(formatMiddle({ value: 0.12345, spread: 0 }), "0.123");
  assert.equal(formatMiddle(undefined), "");
});

Deno.test("formatNumber() keeps three or four significant digits", () => {
  assert.deepEqual([0.00123456, 1.5, 99.96, 1234.5].map(formatNumber), ["0.00123", "1.5", "100", "1,235"]);
});
