import assert from "node:assert/strict";
import { RequestRecord } from "../../base/request_record.ts";
import { BatchFigures } from "./batch_figures.ts";

Deno.test("BatchFigures.begin() lets a timed request stand for the untimed ones before it", () => {
  const figures = new BatchFigures();
  const begin = (isTimed: boolean) => {
    const record = new RequestRecord(isTimed);
    record.enqueued();
    figures.begin(record);
    return record;
  };
  for (let i = 0; i < 3; i++) begin(false);
  assert.equal(total(figures), 0);
  const { queueMs } = begin(true);
  assert.equal(total(figures), 4);
  assert.equal(figures.waitMs.sum, queueMs * 4);
});

Deno.test("BatchFigures.begin() counts each wait of a request that waits again, not their sum", () => {
  const figures = new BatchFigures();
  const record = new RequestRecord();
  record.enqueued();
  for (let i = 0; i < 3; i++) figures.begin(record);
  assert.equal(total(figures), 3);
  assert(Math.abs(figures.waitMs.sum - record.queueMs) < 1e-9);
});

Deno.test("BatchFigures.add() adds the counts of another", () => {
  const one = new BatchFigures();
  const other = new BatchFigures();
  one.countBatch({ rows: 3, filledRows: 4, isFixed: true });
  other.countBatch({ rows: 1, filledRows: 4, isFixed: true });
  other.countBatch({ rows: 7, filledRows: 8, isFixed: true });
  other.countBatch({ rows: 5, filledRows: 5, isFixed: false });
  other.requestRows.observe(9);
  one.add(other);
  assert.deepEqual([one.batchRows.sum, one.filledRows.sum, one.requestRows.sum], [16, 21, 9]);
  assert.deepEqual([...one.fillingRows].map(([rows, { sum }]) => [rows, sum]), [[4, 4], [8, 1]]);
  assert.equal(other.fillingRows.get(4)?.sum, 3, "what was added is not shared");
});

function total({ waitMs }: BatchFigures): number {
  return waitMs.counts.reduce((sum, count) => sum + count);
}
