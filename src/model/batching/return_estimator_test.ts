import assert from "node:assert/strict";
import { ExpectedCompany } from "./return_estimator.ts";

/** Answers a batch of 4 and has so many of them come back in time. */
function round(company: ExpectedCompany, { nowMs, back }: { nowMs: number; back: number }): void {
  company.expect(4, { nowMs, tookMs: 8 });
  company.came(back, nowMs + 1);
  assert.equal(company.expectedSize(nowMs + 4), 0);
}

Deno.test("ExpectedCompany expects nothing at first", () => {
  const company = new ExpectedCompany();
  assert.deepEqual([company.isUnderWay, company.expectedSize(0), company.untilMs], [false, 0, Infinity]);
  company.came(3, 0);
  assert.equal(company.isUnderWay, false);
});

Deno.test("ExpectedCompany expects what was answered, less what came, for half the time it took", () => {
  const company = new ExpectedCompany();
  company.expect(5, { nowMs: 100, tookMs: 8 });
  assert.deepEqual([company.expectedSize(100), company.untilMs], [5, 104]);
  company.came(2, 101);
  assert.equal(company.expectedSize(103.9), 3);
  assert.equal(company.expectedSize(104), 0);
  assert.equal(company.isUnderWay, false);
});

Deno.test("ExpectedCompany expects nobody for longer than 10 ms", () => {
  const company = new ExpectedCompany();
  company.expect(2, { nowMs: 0, tookMs: 5000 });
  assert.equal(company.untilMs, 10);
});

Deno.test("ExpectedCompany gives up each batch in its own time, and counts who comes for the first", () => {
  const company = new ExpectedCompany();
  company.expect(4, { nowMs: 0, tookMs: 20 });
  company.expect(3, { nowMs: 1, tookMs: 4 });
  assert.deepEqual([company.expectedSize(1), company.untilMs], [7, 3]);
  company.came(1, 2);
  assert.equal(company.expectedSize(3), 3, "of the first batch");
  company.expect(2, { nowMs: 4, tookMs: 100 });
  company.came(4, 5);
  assert.deepEqual([company.expectedSize(5), company.untilMs], [1, 14]);
  company.came(4, 6);
  assert.equal(company.isUnderWay, false);
});

Deno.test("ExpectedCompany waits no more for who did not come back, until they do again", () => {
  const company = new ExpectedCompany();
  let nowMs = 0;
  const expects = () => {
    company.expect(4, { nowMs: nowMs += 100, tookMs: 8 });
    const size = company.expectedSize(nowMs);
    company.came(4, nowMs);
    return size;
  };
  for (let i = 0; i < 7; i++) round(company, { nowMs: nowMs += 100, back: 2 });
  assert.equal(expects(), 4);
  for (let i = 0; i < 2; i++) round(company, { nowMs: nowMs += 100, back: 2 });
  assert.equal(expects(), 0);
  assert.equal(expects(), 4, "they have come back, although nobody waited");
});

Deno.test("ExpectedCompany takes three of four for a return", () => {
  const company = new ExpectedCompany();
  for (let i = 0; i < 20; i++) round(company, { nowMs: i * 100, back: 3 });
  company.expect(4, { nowMs: 5000, tookMs: 8 });
  assert.equal(company.expectedSize(5000), 4);
});
