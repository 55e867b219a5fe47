import assert from "node:assert/strict";
import { drawChart, escapeXml, scaleReach, scaleTop, shortNumber } from "./chart.ts";

Deno.test("escapeXml() leaves nothing that could end an element or an attribute", () => {
  assert.equal(escapeXml(`<a b="c">&amp;`), "&lt;a b=&quot;c&quot;&gt;&amp;amp;");
});

Deno.test("drawChart() escapes every text it is given", () => {
  const hostile = "<script>&";
  const value = { value: 1, spread: 0.5 };
  const svg = drawChart(hostile, hostile, [
    { kind: "bars", title: hostile, note: hostile, bars: [{ label: hostile, tone: "ours", ...value }] },
    {
      kind: "columns",
      title: hostile,
      note: hostile,
      groups: [hostile],
      series: [{ label: hostile, tone: "cpp", values: [value] }],
      line: { at: 1, label: hostile },
    },
  ]);
  assert(!svg.includes("<script"));
  assert.equal(svg.replaceAll(/&(amp|lt|gt|quot);/g, "").includes("&"), false);
  assert.equal(svg.match(/&lt;script&gt;&amp;/g)?.length, 11);
});

Deno.test("drawChart() draws numbers only, whatever is missing or zero", () => {
  const svg = drawChart("", "", [
    { kind: "bars", title: "", note: "", bars: [{ label: "", tone: "ours", value: 0, spread: 0 }] },
    {
      kind: "columns",
      title: "",
      note: "",
      groups: ["a", "b"],
      series: [{ label: "", tone: "ours", values: [undefined, { value: 0, spread: 0 }] }],
    },
  ]);
  assert(!/NaN|Infinity|undefined/.test(svg));
});

Deno.test("scaleReach() cuts off what is more than three times the next", () => {
  assert.equal(scaleReach([10, 40, 13]), 19.5);
  assert.equal(scaleReach([10, 30]), 30);
  assert.equal(scaleReach([7]), 7);
  assert.equal(scaleReach([]), 0);
});

Deno.test("scaleTop() is round and not below the value", () => {
  assert.deepEqual([0, 0.7, 1, 1.01, 47, 312_000].map(scaleTop), [1, 0.8, 1, 1.2, 50, 400_000]);
});

Deno.test("shortNumber() keeps two or three digits", () => {
  const said = [0, 0.0214, 0.987, 1.234, 45.67, 8123, 12_345, 3_456_789].map(shortNumber);
  assert.deepEqual(said, ["0", "0.021", "0.99", "1.23", "45.7", "8120", "12.3k", "3.46M"]);
});
