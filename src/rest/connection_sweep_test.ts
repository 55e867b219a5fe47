import assert from "node:assert/strict";
import { ConnectionSweep } from "./connection_sweep.ts";

class Rig {
  nowMs = 0;
  readonly sweep: ConnectionSweep;

  constructor(options: { connectionsMax?: number; idleTimeoutMs?: number } = {}) {
    this.sweep = new ConnectionSweep({ connectionsMax: 100, idleTimeoutMs: 0, now: () => this.nowMs, ...options });
  }

  ask(port: number): void {
    this.sweep.begin(port);
    this.sweep.end(port, { isSpoiled: false });
  }

  chosen(...ports: number[]): number[] {
    return [...this.sweep.choose(ports)];
  }
}

Deno.test("ConnectionSweep.choose() takes those that were quiet for too long, whether they ever asked or not", () => {
  const rig = new Rig({ idleTimeoutMs: 1000 });
  rig.ask(1);
  assert.deepEqual(rig.chosen(1, 2), []);
  rig.nowMs = 999;
  rig.ask(3);
  assert.deepEqual(rig.chosen(1, 2, 3), []);
  rig.nowMs = 1000;
  assert.deepEqual(rig.chosen(1, 2, 3), [2, 1]);
  rig.nowMs = 1999;
  assert.deepEqual(rig.chosen(3), [3]);
});

Deno.test("ConnectionSweep.choose() leaves those with a request under way alone, however long it takes", () => {
  const rig = new Rig({ idleTimeoutMs: 1000, connectionsMax: 1 });
  rig.sweep.begin(1);
  rig.sweep.begin(1);
  rig.sweep.end(1, { isSpoiled: false });
  rig.sweep.begin(2);
  rig.nowMs = 1e6;
  assert.deepEqual(rig.chosen(1, 2), []);
  rig.sweep.end(1, { isSpoiled: false });
  assert.deepEqual(rig.chosen(1, 2), [1]);
});

Deno.test("ConnectionSweep.choose() takes those past the bound: who never asked, then who was quiet longest", () => {
  const rig = new Rig({ connectionsMax: 2 });
  for (const port of [1, 2, 3]) {
    rig.nowMs++;
    rig.ask(port);
  }
  rig.nowMs++;
  assert.deepEqual(rig.chosen(3, 2, 4, 1), [4, 1]);
  assert.deepEqual(rig.chosen(3, 2), []);
});

Deno.test("ConnectionSweep.choose() never takes one for being quiet when there is no limit, but one that is spoiled", () => {
  const rig = new Rig();
  rig.ask(1);
  rig.sweep.begin(2);
  rig.sweep.end(2, { isSpoiled: true });
  rig.nowMs = 1e9;
  assert.deepEqual(rig.chosen(1, 2), [2]);
});

Deno.test("ConnectionSweep.choose() begins anew with a client that comes back with the same port", () => {
  const rig = new Rig({ idleTimeoutMs: 1000 });
  rig.ask(1);
  assert.deepEqual(rig.chosen(), []);
  rig.nowMs = 5000;
  assert.deepEqual(rig.chosen(1), []);
});
