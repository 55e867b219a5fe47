import assert from "node:assert/strict";
import { type Installation, installMissing, type Lane } from "./installation.ts";
import { TaskError } from "./shell.ts";

/** Records which installations run, and lets a test decide when each ends. */
class Recorder {
  readonly running: string[] = [];
  readonly lines: string[] = [];
  readonly #ends = new Map<string, PromiseWithResolvers<void>>();

  make(name: string, lane: Lane, options: { isThere?: boolean; isRequired?: boolean } = {}): Installation {
    const end = Promise.withResolvers<void>();
    this.#ends.set(name, end);
    return {
      name,
      title: `Installing ${name}`,
      lane,
      isRequired: options.isRequired ?? false,
      isInstalled: () => Promise.resolve(options.isThere ?? false),
      install: () => {
        this.running.push(name);
        return end.promise;
      },
    };
  }

  finish(name: string): void {
    this.#ends.get(name)?.resolve();
  }

  fail(name: string, reason: unknown): void {
    this.#ends.get(name)?.reject(reason);
  }

  readonly print = (line: string): void => {
    this.lines.push(line);
  };

  /** Resolves when so many installations have begun. */
  async begun(count: number): Promise<void> {
    while (this.running.length < count) await Promise.resolve();
  }
}

Deno.test("installMissing() skips what is there, and runs a lane in order beside the others", async () => {
  const recorder = new Recorder();
  const end = installMissing([
    recorder.make("a", "go"),
    recorder.make("there", "go", { isThere: true }),
    recorder.make("b", "go"),
    recorder.make("c", "pip"),
  ], recorder.print);
  await recorder.begun(2);
  assert.deepEqual(recorder.running, ["a", "c"]);
  recorder.finish("a");
  await recorder.begun(3);
  assert.deepEqual(recorder.running, ["a", "c", "b"]);
  recorder.finish("b");
  recorder.finish("c");
  assert.deepEqual((await end).installed.toSorted(), ["a", "b", "c"]);
  assert.deepEqual(recorder.lines, ["[1/3] Installing a …", "[2/3] Installing c …", "[3/3] Installing b …"]);
});

Deno.test("installMissing() prints nothing when all is there", async () => {
  const recorder = new Recorder();
  const report = await installMissing([recorder.make("a", "go", { isThere: true })], recorder.print);
  assert.deepEqual([report, recorder.lines], [{ installed: [], failed: [] }, []]);
});

Deno.test("installMissing() reports an optional failure and continues its lane", async () => {
  const recorder = new Recorder();
  const end = installMissing([recorder.make("a", "apt"), recorder.make("b", "apt")], recorder.print);
  await recorder.begun(1);
  recorder.fail("a", new TaskError("there is no apt-get"));
  await recorder.begun(2);
  recorder.finish("b");
  assert.deepEqual(await end, { installed: ["b"], failed: ["a"] });
  assert.equal(recorder.lines[1], "[1/2] Cannot install a, so its tests are skipped: there is no apt-get");
});

Deno.test("installMissing() throws for a required failure once every lane has ended", async () => {
  const recorder = new Recorder();
  const end = installMissing(
    [recorder.make("a", "pip", { isRequired: true }), recorder.make("b", "go")],
    recorder.print,
  );
  let isOver = false;
  const failure = assert.rejects(end, { message: "The disk is full" }).finally(() => isOver = true);
  await recorder.begun(2);
  recorder.fail("a", new TaskError("The disk is full"));
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assert.equal(isOver, false);
  recorder.finish("b");
  await failure;
});
