import assert from "node:assert/strict";
import type { StateName } from "./servable.ts";
import { aspiredVersions, nextAction, type VersionSnapshot } from "./version_policy.ts";

Deno.test("aspiredVersions() returns the newest for a latest policy", () => {
  assert.deepEqual(aspiredVersions([3, 0, 12, 7], { kind: "latest", count: 1 }), [12]);
  assert.deepEqual(aspiredVersions([3, 0, 12, 7], { kind: "latest", count: 3 }), [12, 7, 3]);
  assert.deepEqual(aspiredVersions([3], { kind: "latest", count: 3 }), [3]);
  assert.deepEqual(aspiredVersions([], { kind: "latest", count: 1 }), []);
});

Deno.test("aspiredVersions() returns each found version once for an all policy", () => {
  assert.deepEqual(aspiredVersions([3, 0, 12, 3], { kind: "all" }), [12, 3, 0]);
});

Deno.test("aspiredVersions() returns the versions both found and named for a specific policy", () => {
  assert.deepEqual(aspiredVersions([3, 0, 12], { kind: "specific", versions: [0, 12, 99] }), [12, 0]);
  assert.deepEqual(aspiredVersions([3], { kind: "specific", versions: [4] }), []);
});

/** `1 available aspired, 2 start` → snapshots. */
function snapshots(text: string): VersionSnapshot[] {
  return text.split(", ").filter((part) => part !== "").map((part) => {
    const [version, state, aspired] = part.split(" ");
    return { version: Number(version), state: state as StateName, isAspired: aspired === "aspired" };
  });
}

const CASES: [name: string, versions: string, expected: string][] = [
  ["does nothing with nothing", "", "none"],
  ["does nothing when what is aspired is available", "1 available aspired", "none"],
  ["loads the highest that is new", "1 start aspired, 3 start aspired, 2 start aspired", "load 3"],
  ["loads version 0", "0 start aspired", "load 0"],
  ["loads the new before it unloads the last old", "1 available, 2 start aspired", "load 2"],
  ["waits for the new while it loads", "1 available, 2 loading aspired", "none"],
  ["unloads the old when the new is available", "1 available, 2 available aspired", "unload 1"],
  ["keeps the old when the new has failed", "1 available, 2 end aspired", "none"],
  ["unloads the lowest of several that are not aspired", "2 available, 1 available, 3 start aspired", "unload 1"],
  ["unloads before it loads", "1 available, 2 available aspired, 3 start aspired", "unload 1"],
  ["unloads everything when nothing is aspired", "2 available", "unload 2"],
  ["keeps the old while what is aspired is on its way out", "1 available, 2 unloading aspired", "none"],
  ["leaves alone what is on its way", "1 unloading, 2 loading, 3 end aspired", "none"],
  ["keeps what waits for its replacement", "1 available, 1 loading aspired, 2 available aspired", "none"],
  ["keeps what failed to be replaced", "1 available, 1 end aspired, 2 available aspired", "none"],
  ["keeps all that wait for replacements", "1 available, 1 start aspired, 2 available, 2 loading aspired", "load 1"],
  ["unloads what is replaced", "1 available, 1 available aspired", "unload 1"],
];

for (const [name, versions, expected] of CASES) {
  Deno.test(`nextAction() ${name}`, () => {
    const action = nextAction(snapshots(versions));
    assert.equal(action === undefined ? "none" : `${action.kind} ${action.snapshot.version}`, expected);
    if (action?.kind === "unload") assert.equal(action.snapshot.isAspired, false);
  });
}
