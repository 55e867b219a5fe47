/**
 * Files in every bad state, while a client asks for the good version without a pause: it gets its answers, the bad version shows
 * what is wrong with it, and the log tells each change once.
 */
import assert from "node:assert/strict";
import { FaultRig } from "./fault_rig.ts";
import { floatTensor } from "../../support/prediction_client.ts";
import { modelPath } from "../../support/model_path.ts";
import { writeSlowModel } from "../../support/slow_model.ts";

const XML = "half_plus_two.xml";
const BIN = "half_plus_two.bin";

/** Writes a file of the model bit by bit. */
async function writeSlowly(folder: string, name: string): Promise<void> {
  const bytes = await Deno.readFile(`${modelPath("half_plus_two")}/1/${name}`);
  using file = await Deno.open(`${folder}/${name}`, { write: true, create: true });
  const step = Math.ceil(bytes.length / 8);
  for (let start = 0; start < bytes.length; start += step) {
    await file.write(bytes.subarray(start, start + step));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

Deno.test("a version with a truncated .bin reports it, is not retried, and is served when it is fixed", async () => {
  await using rig = await FaultRig.start();
  const folder = await rig.prepare(2);
  await Deno.truncate(`${folder}/${BIN}`, 5);
  await rig.put(2);
  const { error } = await rig.event("version failed", 2);
  await rig.polls();
  await rig.polls();
  const lack = `${BIN} has 5 bytes, ${XML} needs 8`;
  assert.deepEqual(await rig.states(), [`2 END DATA_LOSS: Incomplete model: ${lack}`, "1 AVAILABLE"]);
  assert.equal(error, `Incomplete model in ${rig.path(2)}: ${lack}`);
  assert.deepEqual(rig.told(2), ["version incomplete", "start", "loading", "version failed"]);
  assert.deepEqual(rig.told(1), ["start", "loading", "available"]);

  await Deno.copyFile(`${modelPath("half_plus_two")}/1/${BIN}`, rig.path(`2/${BIN}`));
  await rig.state(1, "end");
  assert.deepEqual(await rig.states(), ["2 AVAILABLE", "1 END"]);
  await rig.finish();
  assert.deepEqual(rig.load.versions, ["1", "2"]);
});

Deno.test("a version with an empty .xml reports it and is not retried until a newer one comes", async () => {
  await using rig = await FaultRig.start();
  const folder = await rig.prepare(2);
  await Deno.truncate(`${folder}/${XML}`, 0);
  await rig.put(2);
  await rig.event("version failed", 2);
  await rig.polls();
  assert.deepEqual(await rig.states(), [
    `2 END DATA_LOSS: Incomplete model: ${XML} is empty`,
    "1 AVAILABLE",
  ]);
  assert.deepEqual(rig.told(2), ["version incomplete", "start", "loading", "version failed"]);
  await rig.add(3);
  await rig.state(1, "end");
  await rig.finish();
  assert.deepEqual(rig.load.versions, ["1", "3"]);
});

Deno.test("a version that is being copied is loaded when the copy is complete, and not before", async () => {
  await using rig = await FaultRig.start({ pollSeconds: 0.5 });
  await Deno.mkdir(rig.path(2));
  await writeSlowly(rig.path(2), XML);
  await writeSlowly(rig.path(2), BIN);
  await rig.state(1, "end");
  assert.deepEqual(rig.told(2), ["start", "loading", "available"]);
  await rig.finish();
  assert.deepEqual(rig.load.versions, ["1", "2"]);
});

Deno.test("versions renamed into place are served one after the other, under whatever names they lay there before", async () => {
  await using rig = await FaultRig.start();
  for (const [version, name] of [[2, ".2.partial"], [3, "3.tmp"], [4, "incoming 4"]] as const) {
    await Deno.rename(await rig.prepare(version), rig.path(name));
    await rig.polls();
    assert.deepEqual(rig.told(version), []);
    await Deno.rename(rig.path(name), rig.path(version));
    await rig.state(version - 1, "end");
  }
  assert.deepEqual(rig.toldOfModel(), []);
  await rig.finish();
  assert.deepEqual(rig.load.versions, ["1", "2", "3", "4"]);
});

Deno.test("a base path that is a symbolic link is followed when it is turned to another release", async () => {
  const turn = async (scratchPath: string, release: string): Promise<void> => {
    await Deno.symlink(`releases/${release}`, `${scratchPath}/half.new`);
    await Deno.rename(`${scratchPath}/half.new`, `${scratchPath}/half`);
  };
  await using rig = await FaultRig.start({
    versions: [],
    prepare: async (scratch) => {
      for (const version of [1, 2, 3]) {
        await scratch.addVersion(`releases/${version}`, { model: "half_plus_two", version });
      }
      await turn(scratch.path, "1");
    },
  });
  await turn(rig.scratch.path, "2");
  await rig.state(1, "end");
  await turn(rig.scratch.path, "3");
  await rig.state(2, "end");
  await turn(rig.scratch.path, "1");
  await rig.state(3, "end");
  assert.deepEqual(await rig.states(), ["3 END", "2 END", "1 AVAILABLE"]);
  await rig.finish();
  assert.deepEqual(rig.load.versions, ["1", "2", "3"]);
});

Deno.test("a version that is a symbolic link serves on when it is turned, and says that it is not what lies there", async () => {
  await using rig = await FaultRig.start({
    versions: [],
    prepare: async (scratch) => {
      for (const version of [1, 2]) await scratch.addVersion("store", { model: "half_plus_two", version });
      await Deno.mkdir(`${scratch.path}/half`);
      await Deno.symlink("../store/1", `${scratch.path}/half/7`);
    },
  });
  await Deno.symlink("../store/2", rig.path("8.new"));
  await Deno.rename(rig.path("8.new"), rig.path(7));
  await rig.event("version files changed", 7);
  await rig.polls();
  assert.deepEqual(rig.told(7), ["start", "loading", "available", "version files changed"]);
  const [state] = await rig.states();
  assert.match(state ?? "", /^7 AVAILABLE: The files have changed since this version was loaded, and it serves as it/);
  await rig.finish();
});

Deno.test("files changed in place under a version that serves are told once, in the log and in the status", async () => {
  await using rig = await FaultRig.start();
  await Deno.writeFile(rig.path(`1/${BIN}`), new Uint8Array(8));
  await rig.event("version files changed", 1);
  await rig.polls();
  await rig.polls();
  assert.deepEqual(rig.told(1), ["start", "loading", "available", "version files changed"]);
  assert.match((await rig.states())[0] ?? "", /^1 AVAILABLE: The files have changed/);
  await Deno.truncate(rig.path(`1/${BIN}`), 3);
  await rig.event("version incomplete", 1);
  await rig.polls();
  assert.deepEqual(rig.told(1).slice(4), ["version incomplete"]);
  await rig.add(2);
  await rig.state(1, "end");
  assert.deepEqual(await rig.states(), ["2 AVAILABLE", "1 END"]);
  await rig.finish();
});

Deno.test("a base path that is gone unloads nothing, and is taken up again when it is back", async () => {
  await using rig = await FaultRig.start({ versions: [1, 2], changes: { model_version_policy: { all: {} } } });
  await Deno.rename(rig.basePath, `${rig.basePath}.away`);
  const { reason } = await rig.event("base path unreadable");
  assert.equal(reason, `Cannot find ${rig.basePath}`);
  await rig.polls();
  assert.deepEqual(await rig.states(), ["2 AVAILABLE", "1 AVAILABLE"]);
  await Deno.rename(`${rig.basePath}.away`, rig.basePath);
  await rig.event("base path readable");
  await rig.add(3);
  await rig.state(3, "available");
  assert.deepEqual(rig.toldOfModel(), ["base path unreadable", "base path readable"]);
  assert.deepEqual(rig.told(2), ["start", "loading", "available"]);
  await rig.finish();
});

Deno.test("a version deleted while it serves, file by file, goes when the one before it is there again", async () => {
  await using rig = await FaultRig.start({ versions: [1, 2] });
  await Deno.remove(rig.path(`2/${BIN}`));
  await rig.event("version incomplete", 2);
  await Deno.remove(rig.path(`2/${XML}`));
  await rig.polls();
  await Deno.remove(rig.path(2));
  await rig.state(2, "end");
  assert.deepEqual(await rig.states(), ["2 END", "1 AVAILABLE"]);
  assert.deepEqual(rig.told(1), ["start", "loading", "available"]);
  await rig.finish();
  assert.deepEqual(rig.load.versions, ["2", "1"]);
});

Deno.test("the last version is unloaded when it alone is deleted, and no other model is touched", async () => {
  await using rig = await FaultRig.start();
  await rig.load.stop();
  await Deno.remove(rig.path(1), { recursive: true });
  await rig.state(1, "end");
  assert.deepEqual(await rig.states(), ["1 END"]);
  assert.deepEqual(rig.toldOfModel(), ["versions missing"]);
  await rig.add(1);
  await rig.state(1, "available", 2);
  assert.equal(await rig.latest(), 1);
});

Deno.test("a version put back while requests keep it from being unloaded answers them all and is then loaded anew", async () => {
  await using rig = await FaultRig.start({
    versions: [2],
    changes: { "model_version_policy": { all: {} } },
    prepare: (scratch) => writeSlowModel(`${scratch.path}/half/1`),
  });
  const ask = () =>
    rig.client.predict({ model_spec: { name: "half", version: { value: 1 } }, inputs: { x: floatTensor([1]) } });
  let answered = 0;
  const held = Array.from({ length: 16 }, () => ask().then(() => answered++));
  await held[0];
  await Deno.rename(rig.path(1), rig.path("1.away"));
  await rig.state(1, "unloading");
  await Deno.rename(rig.path("1.away"), rig.path(1));
  assert(answered < held.length, "all requests were answered before the version was unloaded");
  await assert.rejects(ask(), /Servable not found for request: Specific\(half, 1\)/);
  await Promise.all(held);
  await rig.state(1, "available", 2);
  const once = ["start", "loading", "available"];
  assert.deepEqual(rig.told(1), [...once, "unloading", "end", ...once]);
  await ask();
  await rig.finish();
});
