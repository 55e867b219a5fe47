import assert from "node:assert/strict";
import { ConnectionSweep } from "./connection_sweep.ts";

class Rig {
  nowMs = 0;
  readonly sweep: ConnectionSweep;

  constructor(options: { connectionsMax?: number; idleTimeoutMs?: number } = {}) {
    this.sweep = new ConnectionSweep({ connectionsMax: 100, idleTimeoutMs: 0, now: () => this.nowMs, ...options });
  }

  request(port: number): void {
    this.sweep.requestStarted(port);
    this.sweep.requestEnded(port, { isUnusable: false });
  }

  chosen(...ports: number[]): number[] {
    return [...this.sweep.choose(ports)];
  }
}

Deno.test("ConnectionSweep.choose() chooses connections that are idle for too long, used before or not", () => {
  const rig = new Rig({ idleTimeoutMs: 1000 });
  rig.request(1);
  assert.deepEqual(rig.chosen(1, 2), []);
  rig.nowMs = 999;
  rig.request(3);
  assert.deepEqual(rig.chosen(1, 2, 3), []);
  rig.nowMs = 1000;
  assert.deepEqual(rig.chosen(1, 2, 3), [2, 1]);
  rig.nowMs = 1999;
  assert.deepEqual(rig.chosen(3), [3]);
});

Deno.test("ConnectionSweep.choose() never chooses a connection with a request in flight", () => {
  const rig = new Rig({ idleTimeoutMs: 1000, connectionsMax: 1 });
  rig.sweep.requestStarted(1);
  rig.sweep.requestStarted(1);
  rig.sweep.requestEnded(1, { isUnusable: false });
  rig.sweep.requestStarted(2);
  rig.nowMs = 1e6;
  assert.deepEqual(rig.chosen(1, 2), []);
  rig.sweep.requestEnded(1, { isUnusable: false });
  assert.deepEqual(rig.chosen(1, 2), [1]);
});

Deno.test("ConnectionSweep.choose() chooses beyond the limit: unused connections first, then those idle longest", () => {
  const rig = new Rig({ connectionsMax: 2 });
  for (const port of [1, 2, 3]) {
    rig.nowMs++;
    rig.request(port);
  }
  rig.nowMs++;
  assert.deepEqual(rig.chosen(3, 2, 4, 1), [4, 1]);
  assert.deepEqual(rig.chosen(3, 2), []);
});

Deno.test("ConnectionSweep.choose() chooses no idle connection without a time limit, but an unusable one", () => {
  const rig = new Rig();
  rig.request(1);
  rig.sweep.requestStarted(2);
  rig.sweep.requestEnded(2, { isUnusable: true });
  rig.nowMs = 1e9;
  assert.deepEqual(rig.chosen(1, 2), [2]);
});

Deno.test("ConnectionSweep.choose() starts a new idle time for a client that reconnects from the same port", () => {
  const rig = new Rig({ idleTimeoutMs: 1000 });
  rig.request(1);
  assert.deepEqual(rig.chosen(), []);
  rig.nowMs = 5000;
  assert.deepEqual(rig.chosen(1), []);
});
