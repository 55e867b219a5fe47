import assert from "node:assert/strict";
import { DURATION_BOUNDS_MS, Histogram, Metrics, MetricsPage } from "./metrics.ts";

Deno.test("a histogram counts each value once, in the first bucket whose bound is not below it", () => {
  const histogram = new Histogram([1, 10, 100]);
  for (const value of [0, 1, 1.5, 10, 99, 101, 1e9]) histogram.observe(value);
  assert.deepEqual([...histogram.counts], [2, 2, 1, 2]);
  assert.equal(histogram.sum, 1e9 + 212.5);
});

Deno.test("a histogram adds another", () => {
  const one = new Histogram([1, 2]);
  const other = new Histogram([1, 2]);
  one.observe(1);
  other.observe(2);
  other.observe(3);
  one.add(other);
  assert.deepEqual([...one.counts], [1, 1, 1]);
  assert.equal(one.sum, 6);
});

Deno.test("the bounds of durations are TensorFlow Serving's", () => {
  assert.deepEqual(DURATION_BOUNDS_MS.slice(0, 4), [0.01, 0.018, 0.0324, 0.05832]);
  assert.equal(DURATION_BOUNDS_MS.length, 33);
});

Deno.test("a page has cumulative buckets, whichever are left out", () => {
  const histogram = new Histogram([1, 2, 3]);
  for (const value of [0.5, 1.5, 1.6, 2.5, 7]) histogram.observe(value);
  const page = new MetricsPage();
  page.family("h_seconds", { type: "histogram", help: "H." })
    .addHistogram({ a: "b" }, histogram, { scale: 0.001, every: 2 });
  assert.deepEqual(String(page).split("\n"), [
    "# HELP h_seconds H.",
    "# TYPE h_seconds histogram",
    'h_seconds_bucket{a="b",le="0.001"} 1',
    'h_seconds_bucket{a="b",le="0.003"} 4',
    'h_seconds_bucket{a="b",le="+Inf"} 5',
    'h_seconds_sum{a="b"} 0.0131',
    'h_seconds_count{a="b"} 5',
    "",
  ]);
});

Deno.test("a page escapes labels and help texts", () => {
  const page = new MetricsPage();
  page.family("x", { type: "gauge", help: "one\ntwo \\" }).add({ name: 'a"b\\c\nd' }, 1.5);
  assert.deepEqual(String(page).split("\n"), [
    "# HELP x one\\ntwo \\\\",
    "# TYPE x gauge",
    'x{name="a\\"b\\\\c\\nd"} 1.5',
    "",
  ]);
});

Deno.test("Metrics.page() has the current metrics of every collector", () => {
  const metrics = new Metrics();
  let count = 1;
  metrics.register((page) => page.family("a_total", { type: "counter", help: "A." }).add({}, count));
  metrics.register((page) => page.family("b", { type: "summary", help: "B." }).addSummary({}, { count: 2, sum: 3 }));
  count = 7;
  assert.match(metrics.page(), /^a_total 7\n[^]*^b_sum 3\nb_count 2\n$/m);
});
