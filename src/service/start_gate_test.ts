import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { StartGate } from "./start_gate.ts";

const PATIENT = { signal: new AbortController().signal };

function newGate({ waitersMax = 10, bytesMax = 1000 } = {}): StartGate {
  return new StartGate({ waitersMax, bytesMax });
}

Deno.test("StartGate.wait() resolves when the gate opens, in order of arrival", async () => {
  const gate = newGate();
  const order: number[] = [];
  const waiting = [1, 2, 3].map((number) => gate.wait(PATIENT, 1).then(() => order.push(number)));
  assert.deepEqual([gate.isOpen, gate.waiting, order], [false, 3, []]);
  gate.open();
  await Promise.all(waiting);
  assert.deepEqual([gate.isOpen, gate.waiting, order], [true, 0, [1, 2, 3]]);
  await gate.wait(PATIENT, 1_000_000);
});

Deno.test("StartGate.wait() refuses at once when too many wait", async () => {
  const gate = newGate({ waitersMax: 2 });
  const waiting = [gate.wait(PATIENT, 1), gate.wait(PATIENT, 1)];
  await assert.rejects(gate.wait(PATIENT, 1), { code: CODE.RESOURCE_EXHAUSTED, message: /2 of them wait/ });
  gate.open();
  await Promise.all(waiting);
});

Deno.test("StartGate.wait() refuses at once when too many bytes wait, and has room again when a caller leaves", async () => {
  const gate = newGate({ bytesMax: 100 });
  const leaver = new AbortController();
  const leaving = gate.wait(leaver, 60);
  const staying = gate.wait(PATIENT, 40);
  await assert.rejects(gate.wait(PATIENT, 1), { code: CODE.RESOURCE_EXHAUSTED, message: /100 bytes of them wait/ });
  leaver.abort(new ServingError(CODE.CANCELLED, "The client left"));
  await assert.rejects(leaving, { code: CODE.CANCELLED });
  const late = gate.wait(PATIENT, 60);
  gate.open();
  await Promise.all([staying, late]);
});

Deno.test("StartGate.wait() rejects for a caller that has left already", async () => {
  const gate = newGate();
  const leaver = new AbortController();
  leaver.abort(new ServingError(CODE.CANCELLED, "The client left"));
  await assert.rejects(gate.wait(leaver, 1), { code: CODE.CANCELLED });
  assert.equal(gate.waiting, 0);
});

Deno.test("StartGate disposed while closed refuses waiting and later callers", async () => {
  const gate = newGate();
  const waiting = gate.wait(PATIENT, 1);
  gate[Symbol.dispose]();
  await assert.rejects(waiting, { code: CODE.UNAVAILABLE });
  await assert.rejects(gate.wait(PATIENT, 1), { code: CODE.UNAVAILABLE });
});

Deno.test("StartGate disposed while open stays open", async () => {
  const gate = newGate();
  gate.open();
  gate[Symbol.dispose]();
  assert.equal(gate.isOpen, true);
  await gate.wait(PATIENT, 1);
});
