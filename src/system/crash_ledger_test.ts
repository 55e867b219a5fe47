import assert from "node:assert/strict";
import { CrashLedger } from "./crash_ledger.ts";

const LINUX_ONLY = { ignore: Deno.build.os !== "linux" };

Deno.test("CrashLedger counts consecutive deaths for owners that were at work", LINUX_ONLY, async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/crashes`;
  const live = (work: (ledger: CrashLedger) => void): void => {
    using ledger = new CrashLedger(path);
    work(ledger);
  };
  const deathsOf = (name: string): number => {
    using ledger = new CrashLedger(path);
    return ledger.mark(name).deaths;
  };

  for (const deaths of [1, 2]) {
    live((ledger) => {
      const [guilty, innocent] = [ledger.mark("guilty"), ledger.mark("innocent")];
      innocent.begin();
      guilty.begin();
      innocent.end();
    });
    assert.equal(deathsOf("guilty"), deaths);
    assert.equal(deathsOf("innocent"), 0);
  }
  live((ledger) => ledger.forgive(2));
  assert.equal(deathsOf("guilty"), 2);
  live((ledger) => ledger.forgive(3));
  assert.equal(deathsOf("guilty"), 0);
  await Deno.remove(folder, { recursive: true });
});
