/** Much at once, while a client asks one model without a pause: versions, models, edits of the file that lists them, signals. */
import assert from "node:assert/strict";
import { FaultRig } from "./fault_rig.ts";
import { askHalf, versionOf } from "../../support/steady_load.ts";

const ALL = { "model_version_policy": { all: {} } };

const LOAD_THREADS = 4;

/** How many versions were being loaded at the same time at most. */
function mostLoading({ server }: FaultRig): number {
  let loading = 0;
  let most = 0;
  for (const { name, state } of server.events("version state changed")) {
    if (name === "half" && state === "loading") most = Math.max(most, ++loading);
    if (name === "half" && state === "available") loading--;
  }
  return most;
}

/** The names of some more models, each with one version. */
async function addModels(rig: FaultRig, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `more${i}`);
  for (const name of names) await rig.scratch.addVersion(name, { model: "half_plus_two", version: 1 });
  return names;
}

function listing(names: readonly string[]): Record<string, Record<string, unknown>> {
  return Object.fromEntries(["half", "clock", ...names].map((name) => [name, {}]));
}

Deno.test("200 versions that come at once are all served, and all go at once but the newest", async () => {
  await using rig = await FaultRig.start({ changes: ALL, args: ["--num_load_threads", String(LOAD_THREADS)] });
  const versions = Array.from({ length: 200 }, (_, i) => i + 2);
  for (const version of versions) await rig.prepare(version);
  for (const version of versions) await rig.put(version);
  await rig.changes("available", versions.length + 1);
  assert.equal(mostLoading(rig), LOAD_THREADS);
  const states = await rig.states();
  assert.deepEqual(states, [...versions].reverse().concat(1).map((version) => `${version} AVAILABLE`));
  for (const version of [1, 77, 201]) {
    assert.equal(versionOf(await askHalf(rig.client, { name: "half", version: { value: version } })), String(version));
  }
  await rig.scratch.writeConfig(listing([]));
  await rig.changes("end", versions.length);
  assert.equal((await rig.states()).filter((state) => state.endsWith("AVAILABLE")).join(), "201 AVAILABLE");
  await rig.finish();
});

Deno.test("50 models that come at once are all served, and all go at once", async () => {
  await using rig = await FaultRig.start({ args: ["--num_load_threads", "4"] });
  const names = await addModels(rig, 50);
  await rig.scratch.writeConfig(listing(names));
  await rig.reloaded(names.length + 2);
  for (const name of names) assert.equal(versionOf(await askHalf(rig.client, { name })), "1");
  await rig.scratch.writeConfig(listing([]));
  await rig.reloaded(2);
  await assert.rejects(askHalf(rig.client, { name: "more7" }), /Servable not found for request: Latest\(more7\)/);
  assert.deepEqual(rig.told(1), ["start", "loading", "available"]);
  await rig.finish();
});

Deno.test("edits of the file of models while models load, and a storm of SIGHUPs, end with what the file says", async () => {
  await using rig = await FaultRig.start();
  const names = await addModels(rig, 12);
  for (let round = 0; round < 100; round++) {
    if (round % 4 === 0) await rig.scratch.writeConfig(listing(names.filter((_, i) => (i + round) % 3 > 0)));
    if (round % 25 === 7) await rig.scratch.write("models.json", '{"model_config_list": [');
    rig.server.signal("SIGHUP");
    if (round % 25 === 7) await rig.refused(Math.ceil(round / 25));
  }
  await rig.scratch.writeConfig(listing(names));
  rig.server.signal("SIGHUP");
  await rig.reloaded(names.length + 2);
  for (const name of names) assert.equal(versionOf(await askHalf(rig.client, { name })), "1");
  assert.deepEqual(rig.told(1), ["start", "loading", "available"]);
  await rig.finish();
});
