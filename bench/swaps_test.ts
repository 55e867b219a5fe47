import assert from "node:assert/strict";
import { overlaps } from "./swaps.ts";

Deno.test("overlaps() takes in calls that begin or end in a stretch, or last longer than it", () => {
  const span = { fromUs: 100, toUs: 200 };
  const overlapping = [[150, 160], [50, 101], [199, 300], [50, 300]];
  const apart = [[50, 100], [200, 300], [10, 20]];
  const isIn = ([startUs = 0, endUs = 0]: number[]) => overlaps({ startUs, endUs }, span);
  assert(overlapping.every(isIn));
  assert(!apart.some(isIn));
});
