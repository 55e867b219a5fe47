import assert from "node:assert/strict";
import { join } from "node:path";
import {
  countProcessors,
  fileSystemFacts,
  holdFolder,
  processArguments,
  processFigures,
  readSystemFile,
  whileUnused,
} from "./libc.ts";

const KNOWS_LOCKS = Deno.build.os === "linux" || Deno.build.os === "darwin";

Deno.test({
  name: "whileUnused() runs only when no one holds the folder",
  ignore: !KNOWS_LOCKS,
  fn: () => {
    const folder = Deno.makeTempDirSync();
    try {
      let runs = 0;
      assert.equal(whileUnused(folder, () => runs++), true);
      assert.equal(whileUnused(folder, () => runs++), true);
      holdFolder(folder);
      holdFolder(folder);
      assert.equal(whileUnused(folder, () => runs++), false);
      assert.equal(runs, 2);
    } finally {
      Deno.removeSync(folder);
    }
  },
});

Deno.test({
  name: "whileUnused() gives the folder back when its work fails",
  ignore: !KNOWS_LOCKS,
  fn: () => {
    const folder = Deno.makeTempDirSync();
    try {
      assert.throws(() =>
        whileUnused(folder, () => {
          throw new Error("no");
        }), /no/);
      assert.equal(whileUnused(folder, () => {}), true);
    } finally {
      Deno.removeSync(folder);
    }
  },
});

Deno.test({
  name: "holdFolder() throws for a missing folder, and whileUnused() does nothing",
  ignore: !KNOWS_LOCKS,
  fn: () => {
    const folder = Deno.makeTempDirSync();
    Deno.removeSync(folder);
    assert.throws(() => holdFolder(folder), Deno.errors.NotFound);
    assert.equal(whileUnused(join(folder, "inner"), () => assert.fail()), false);
  },
});

Deno.test({
  name: "fileSystemFacts() knows how much room there is and that code runs here",
  ignore: Deno.build.os !== "linux",
  fn: () => {
    assert.equal(fileSystemFacts("/proc")?.freeBytes, 0);
    const facts = fileSystemFacts(new URL(".", import.meta.url).pathname);
    assert.equal(facts?.runsCode, true);
    assert(facts.freeBytes > 0);
  },
});

Deno.test({
  name: "processArguments() reads what a process was started with, empty arguments too",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const args = ["eval", "--no-lock", "await Deno.stdin.read(new Uint8Array(1))", "--port", "9001", "", "ü"];
    const process = new Deno.Command(Deno.execPath(), { args, stdin: "piped" }).spawn();
    try {
      // A process has no arguments until its program has started.
      while (processArguments(process.pid) === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
      assert.deepEqual(processArguments(process.pid), [Deno.execPath(), ...args]);
    } finally {
      await process.stdin.close();
      await process.status;
    }
    assert.equal(processArguments(process.pid), undefined);
  },
});

Deno.test({
  name: "processFigures() counts descriptors exactly, and reports their limit",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const before = processFigures();
    const path = await Deno.makeTempFile();
    const files = Array.from({ length: 7 }, () => Deno.openSync(path));
    const during = processFigures();
    for (const file of files) file.close();
    const after = processFigures();
    await Deno.remove(path);
    assert(before !== undefined && during !== undefined && after !== undefined);
    assert.equal(during.descriptors - before.descriptors, files.length);
    assert.equal(after.descriptors, before.descriptors);
    assert(before.descriptors >= 3 && before.descriptors < before.descriptorsMax);
    assert(before.virtualBytes > Deno.memoryUsage().rss, `${before.virtualBytes}`);
  },
});

Deno.test({
  name: "processFigures() agrees with the system",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const args = ["--pid", String(Deno.pid), "--nofile", "--noheadings", "--raw", "--output", "SOFT"];
    const { stdout } = await new Deno.Command("prlimit", { args }).output();
    const text = new TextDecoder().decode(stdout).trim();
    assert.equal(processFigures()?.descriptorsMax, text === "unlimited" ? Infinity : Number(text));
  },
});

Deno.test({
  name: "readSystemFile() reads files of unstated length to their end",
  ignore: Deno.build.os !== "linux",
  fn: () => {
    assert.match(readSystemFile("/proc/self/status") ?? "", /^Name:.*\n(?:.*\n)*nonvoluntary_ctxt_switches:.*\n$/);
    assert.equal(readSystemFile("/proc/self/no such file"), undefined);
    const path = Deno.makeTempFileSync();
    try {
      Deno.writeTextFileSync(path, "x".repeat(1 << 20) + "beyond");
      assert.equal(readSystemFile(path), "x".repeat(1 << 20));
    } finally {
      Deno.removeSync(path);
    }
  },
});

Deno.test({
  name: "countProcessors() counts those this thread may run on among those of the machine",
  ignore: Deno.build.os !== "linux",
  fn: () => {
    const list = /^Cpus_allowed_list:\t(.*)$/m.exec(readSystemFile("/proc/thread-self/status") ?? "")?.[1] ?? "";
    const allowed = list.split(",").reduce((sum, range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return sum + last - first + 1;
    }, 0);
    const processors = countProcessors();
    assert.equal(processors?.allowed, allowed);
    assert.ok(processors.online >= allowed);
  },
});
