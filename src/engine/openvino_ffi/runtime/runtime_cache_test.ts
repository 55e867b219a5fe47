import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { CODE, ServingError } from "../../../base/status.ts";
import { type Caches, type PackedFolder, unpack } from "./runtime_cache.ts";

const MODULE = new URL("./runtime_cache.ts", import.meta.url).href;
const NAME = "openvino-2026.0.0-0123456789ab";
const OLDER = "openvino-2025.9.0-ba9876543210";
const HAS_LOCKS = Deno.build.os !== "windows";

interface Rig extends Disposable {
  readonly packed: PackedFolder;
  readonly cache: string;
  readonly caches: Caches;
  /** The file that holds all bytes. */
  readonly source: string;
}

/** A packed folder as in the executable, behind other bytes, and an empty cache; both are removed at the end. */
function rig(name = NAME): Rig {
  const root = Deno.makeTempDirSync();
  const source = join(root, "executable");
  const cache = join(root, "cache");
  const contents: [string, Uint8Array<ArrayBuffer>][] = [
    ["libs/large.so", new Uint8Array(9_000_000).fill(7)],
    ["libs/small.so", new TextEncoder().encode("small")],
    ["libs/empty.so", new Uint8Array()],
    ["more/inner/other.so", new TextEncoder().encode("other")],
  ];
  let offset = 1000;
  const files = contents.map(([path, bytes]) => {
    const at = offset;
    offset += bytes.length;
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { path, bytes: bytes.length, sha256, source, offset: at };
  });
  Deno.writeFileSync(source, new Uint8Array(1000));
  for (const [, bytes] of contents) Deno.writeFileSync(source, bytes, { append: true });
  return {
    packed: { name, files },
    cache,
    caches: { folders: [cache], isChosen: false },
    source,
    [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }),
  };
}

function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

/** The message of the error with which unpacking fails. */
function refusal(packed: PackedFolder, caches: Caches): string {
  try {
    unpack(packed, caches);
  } catch (thrown) {
    assert(thrown instanceof ServingError);
    assert.equal(thrown.code, CODE.FAILED_PRECONDITION);
    return thrown.message;
  }
  throw new Error("It was unpacked all the same");
}

/** Another process that unpacks the same, reports it, and lives until it is ended. */
function startOther(packed: PackedFolder, caches: Caches): Deno.ChildProcess {
  const program = `
    const { unpack } = await import(${JSON.stringify(MODULE)});
    const copy = unpack(${JSON.stringify(packed)}, ${JSON.stringify(caches)});
    const size = String(Deno.statSync(copy + "/libs/large.so").size);
    await Deno.stdout.write(new TextEncoder().encode(size));
    await Deno.stdin.read(new Uint8Array(1));`;
  const args = ["eval", "--no-lock", program];
  return new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
}

/** The first output of another process. */
async function firstWord(process: Deno.ChildProcess): Promise<string> {
  const reader = process.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value);
}

async function end(process: Deno.ChildProcess): Promise<void> {
  await process.stdin.close();
  await process.stdout.cancel();
  await process.status;
}

Deno.test("unpack() writes every file into a folder named after the content", () => {
  using it = rig();
  const copy = unpack(it.packed, it.caches);
  assert.equal(copy, join(it.cache, "ovserve", NAME));
  assert.deepEqual(Deno.readFileSync(join(copy, "libs", "large.so")), new Uint8Array(9_000_000).fill(7));
  assert.equal(Deno.readTextFileSync(join(copy, "libs", "small.so")), "small");
  assert.equal(Deno.readTextFileSync(join(copy, "libs", "empty.so")), "");
  assert.equal(Deno.readTextFileSync(join(copy, "more", "inner", "other.so")), "other");
  assert.deepEqual(namesIn(join(it.cache, "ovserve")), [NAME]);
});

Deno.test("unpack() writes nothing when a complete copy exists", () => {
  using it = rig();
  const copy = unpack(it.packed, it.caches);
  const { ino } = Deno.statSync(join(copy, "libs", "small.so"));
  Deno.removeSync(it.source);
  assert.equal(unpack(it.packed, it.caches), copy);
  assert.equal(Deno.statSync(join(copy, "libs", "small.so")).ino, ino);
});

Deno.test("unpack() replaces a copy with missing or truncated files", () => {
  using it = rig();
  const copy = unpack(it.packed, it.caches);
  Deno.truncateSync(join(copy, "libs", "large.so"), 1_000_000);
  Deno.removeSync(join(copy, "more"), { recursive: true });
  assert.equal(unpack(it.packed, it.caches), copy);
  assert.equal(Deno.statSync(join(copy, "libs", "large.so")).size, 9_000_000);
  assert.equal(Deno.readTextFileSync(join(copy, "more", "inner", "other.so")), "other");
  assert.deepEqual(namesIn(join(it.cache, "ovserve")), [NAME]);
});

Deno.test("unpack() in several processes at once gives each the complete copy", async () => {
  using it = rig();
  const processes = Array.from({ length: 4 }, () => startOther(it.packed, it.caches));
  assert.deepEqual(await Promise.all(processes.map(firstWord)), Array(4).fill("9000000"));
  await Promise.all(processes.map(end));
  assert.deepEqual(namesIn(join(it.cache, "ovserve")), [NAME]);
});

Deno.test({
  name: "unpack() removes older copies and what killed processes left, once no process uses them",
  ignore: !HAS_LOCKS,
  fn: async () => {
    using it = rig();
    using older = rig(OLDER);
    const folder = join(it.cache, "ovserve");
    const other = startOther(older.packed, it.caches);
    assert.equal(await firstWord(other), "9000000");
    const leftBehind = join(folder, "unpacking-left");
    await Deno.mkdir(leftBehind);
    await Deno.utime(leftBehind, 0, 0);
    await Deno.mkdir(join(folder, "unpacking-now"));
    await Deno.mkdir(join(folder, "notes of the user"));

    const copy = unpack(it.packed, it.caches);
    assert.deepEqual(namesIn(folder), ["notes of the user", OLDER, NAME, "unpacking-now"]);
    await end(other);
    await Deno.remove(join(copy, "libs", "small.so"));
    unpack(it.packed, it.caches);
    assert.deepEqual(namesIn(folder), ["notes of the user", NAME, "unpacking-now"]);
  },
});

Deno.test("unpack() rejects damaged bytes, and leaves nothing", () => {
  using it = rig();
  using file = Deno.openSync(it.source, { write: true });
  file.seekSync(5000, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(1));
  const second = `${it.cache}2`;
  const message = refusal(it.packed, { folders: [it.cache, second], isChosen: false });
  assert.equal(message, "The executable is damaged: libs/large.so has another checksum. Download it again");
  assert.deepEqual(namesIn(join(it.cache, "ovserve")), []);
});

Deno.test("unpack() uses the next folder when one cannot be made", () => {
  using it = rig();
  Deno.writeTextFileSync(it.cache, "a file where a folder should be");
  const second = `${it.cache}2`;
  assert.equal(unpack(it.packed, { folders: [it.cache, second], isChosen: false }), join(second, "ovserve", NAME));
});

Deno.test({
  name: "unpack() rejects a folder that others can write to",
  ignore: Deno.build.os === "windows",
  fn: () => {
    using it = rig();
    const folder = join(it.cache, "ovserve");
    Deno.mkdirSync(folder, { recursive: true });
    Deno.chmodSync(folder, 0o777);
    const message = refusal(it.packed, { folders: [it.cache], isChosen: true });
    assert(message.includes(`${folder}: others can write to it`), message);
    assert(message.includes("9 MB"), message);
    assert(message.includes("--runtime_dir"), message);
    assert.deepEqual(namesIn(folder), []);
  },
});

Deno.test({
  name: "unpack() rejects a link in place of its folder",
  ignore: Deno.build.os === "windows",
  fn: () => {
    using it = rig();
    Deno.mkdirSync(join(it.cache, "elsewhere"), { recursive: true });
    Deno.symlinkSync(join(it.cache, "elsewhere"), join(it.cache, "ovserve"));
    assert.match(refusal(it.packed, it.caches), /ovserve: it is not a folder/);
  },
});

Deno.test({
  name: "unpack() skips a cache in which every user can rename folders, unless the user chose it",
  ignore: Deno.build.os === "windows",
  fn: () => {
    using it = rig();
    Deno.mkdirSync(it.cache);
    Deno.chmodSync(it.cache, 0o777);
    assert.match(refusal(it.packed, it.caches), /every user can rename folders in /);
    const copy = join(it.cache, "ovserve", NAME);
    assert.equal(unpack(it.packed, { folders: [it.cache], isChosen: true }), copy);
    Deno.removeSync(join(it.cache, "ovserve"), { recursive: true });
    Deno.chmodSync(it.cache, 0o1777);
    assert.equal(unpack(it.packed, it.caches), copy);
  },
});
