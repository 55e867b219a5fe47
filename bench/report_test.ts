import assert from "node:assert/strict";
import {
  type CaseReport,
  type Entry,
  failuresOf,
  figureOf,
  formatReports,
  median,
  merge,
  parseReports,
  ratioOf,
} from "./report.ts";

function entry(label: string, rates: readonly (number | undefined)[]): Entry {
  const rounds = rates.map((rate) => rate === undefined ? { failed: 2 } : { rate, failed: 0 });
  return { label, isPeer: false, rounds };
}

function report(name: string, entries: readonly Entry[]): CaseReport {
  const measured = { date: "2026-11-23", machine: "2 CPUs", load: 0.5, rounds: 3, seconds: 10 };
  return { name, title: `the case "${name}"`, unit: "row", measured, entries };
}

Deno.test("median() is the middle number, or the mean of the two middle ones, in any order", () => {
  assert.equal(median([9, 1, 4]).value, 4);
  assert.equal(median([8, 1, 4, 2]).value, 3);
  assert.equal(median([7]).value, 7);
});

Deno.test("median() has half the range relative to the median as spread", () => {
  assert.equal(median([8, 10, 14]).spread, 0.3);
  assert.equal(median([5]).spread, 0);
});

Deno.test("median() of nothing is NaN", () => {
  assert.equal(median([]).value, NaN);
});

Deno.test("figureOf() ignores rounds without the figure, and is undefined without any", () => {
  assert.equal(figureOf(entry("a", [3, undefined, 5]), "rate")?.value, 4);
  assert.equal(figureOf(entry("a", [3, 5]), "cpuUs"), undefined);
});

Deno.test("figureOf() and ratioOf() ignore what was measured of a server that has ended", () => {
  const ended = entry("a", [NaN, 4, 0]);
  assert.equal(figureOf(ended, "rate")?.value, 2);
  assert.equal(ratioOf(entry("b", [1, 2, 3]), ended, "rate")?.value, 0.5);
});

Deno.test("ratioOf() compares round by round, so a slowdown of both cancels out", () => {
  const ratio = ratioOf(entry("ours", [100, 50, 10]), entry("peer", [50, 25, 5]), "rate");
  assert.deepEqual(ratio, { value: 2, spread: 0 });
});

Deno.test("ratioOf() ignores rounds in which one of the two has no figure", () => {
  assert.equal(ratioOf(entry("ours", [undefined, 6]), entry("peer", [1, 2]), "rate")?.value, 3);
  assert.equal(ratioOf(entry("ours", [1]), entry("peer", []), "rate"), undefined);
});

Deno.test("failuresOf() sums all rounds", () => {
  assert.equal(failuresOf(entry("a", [undefined, 1, undefined])), 4);
});

Deno.test("parseReports() reads the output of formatReports(), with four digits a number", () => {
  const absent = { label: "c++", isPeer: true, rounds: [], absent: 'no "server" at hand' };
  const written = [report("one", [entry("ours", [123456, undefined, 0.123456]), absent]), report("two", [])];
  const expected = [report("one", [entry("ours", [123500, undefined, 0.1235]), absent]), report("two", [])];
  assert.deepEqual(parseReports(formatReports(written)), expected);
});

Deno.test("merge() replaces a case that was measured again and keeps the others", () => {
  const merged = merge([report("a", []), report("b", [])], [report("a", [entry("ours", [1])]), report("c", [])]);
  assert.deepEqual(merged.map(({ name, entries }) => [name, entries.length]), [["a", 1], ["b", 0], ["c", 0]]);
});
