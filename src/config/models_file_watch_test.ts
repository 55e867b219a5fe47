import assert from "node:assert/strict";
import { detailOf } from "../base/status.ts";
import { ManualTimer } from "../base/testing/manual_timer.ts";
import { ModelsFileWatch } from "./models_file_watch.ts";

/** Watches a file of its own, and records the names of the models that are applied. */
class Rig implements AsyncDisposable {
  readonly applied: string[][] = [];
  readonly refusals: string[] = [];
  readonly timer = new ManualTimer();
  readonly watch: ModelsFileWatch;
  /** Waited for before anything is applied. */
  gate: Promise<void> = Promise.resolve();
  /** Thrown in place of applying. */
  failure: Error | undefined;

  #applying = 0;

  private constructor(readonly path: string, text: string) {
    this.watch = new ModelsFileWatch(
      {
        path,
        format: "json",
        pollIntervalMs: 1000,
        load: {
          device: "CPU",
          pluginConfig: new Map(),
          inferRequestCount: undefined,
          shape: undefined,
          batchSize: undefined,
        },
      },
      {
        timer: this.timer.start,
        onRefused: (error) => this.refusals.push(detailOf(error)),
        apply: async (read) => {
          const { models } = read([]);
          assert.equal(++this.#applying, 1, "applied twice at once");
          await this.gate;
          this.#applying--;
          if (this.failure !== undefined) throw this.failure;
          this.applied.push(models.map(({ name }) => name));
        },
      },
    );
    this.watch.start(text);
  }

  /** Starts with a file that lists no models. */
  static async start(): Promise<Rig> {
    const path = await Deno.makeTempFile();
    await Deno.writeTextFile(path, listing());
    return new Rig(path, listing());
  }

  write(text: string): Promise<void> {
    return Deno.writeTextFile(this.path, text);
  }

  /** Starts the next look and waits for its end. */
  async poll(): Promise<void> {
    this.timer.fire();
    while (this.timer.delaysMs.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watch[Symbol.dispose]();
    await Deno.remove(this.path).catch(() => {});
  }
}

function listing(...names: string[]): string {
  return JSON.stringify({ model_config_list: names.map((name) => ({ config: { name, base_path: name } })) });
}

Deno.test("ModelsFileWatch applies the file only when it changes", async () => {
  await using rig = await Rig.start();
  await rig.poll();
  assert.deepEqual(rig.applied, []);
  await rig.write(listing("a"));
  await rig.poll();
  await rig.poll();
  assert.deepEqual(rig.applied, [["a"]]);
  assert.deepEqual(rig.timer.delaysMs, [1000]);
});

Deno.test("ModelsFileWatch reports each mistake once, and applies the corrected file", async () => {
  await using rig = await Rig.start();
  await rig.write(`{"model_config_list": [\n{"config": {}}]}`);
  await rig.poll();
  await rig.poll();
  assert.deepEqual(rig.refusals, [`${rig.path}:2:12: model_config_list[0].config.name: this is missing`]);
  await rig.write(listing("a"));
  await rig.poll();
  await rig.write("[]");
  await rig.poll();
  assert.equal(rig.refusals.length, 2);
  assert.deepEqual(rig.applied, [["a"]]);
});

Deno.test("ModelsFileWatch goes on without the file", async () => {
  await using rig = await Rig.start();
  await Deno.remove(rig.path);
  await rig.poll();
  await rig.poll();
  assert.deepEqual(rig.refusals, [`Cannot find ${rig.path}`]);
  await rig.write(listing("a"));
  await rig.poll();
  assert.deepEqual(rig.applied, [["a"]]);
});

Deno.test("ModelsFileWatch retries what could not be applied, and reports it once", async () => {
  await using rig = await Rig.start();
  rig.failure = new Error("Not yet");
  await rig.write(listing("a"));
  await rig.poll();
  await rig.poll();
  rig.failure = undefined;
  await rig.poll();
  await rig.poll();
  assert.deepEqual(rig.refusals, ["Not yet"]);
  assert.deepEqual(rig.applied, [["a"]]);
});

Deno.test("ModelsFileWatch.reload() applies an unchanged file", async () => {
  await using rig = await Rig.start();
  await rig.watch.reload();
  assert.deepEqual(rig.applied, [[]]);
});

Deno.test("ModelsFileWatch.reload() reads once more for any number of calls during a reading", async () => {
  await using rig = await Rig.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.gate = promise;
  const calls = [rig.watch.reload()];
  await rig.write(listing("a"));
  for (let i = 0; i < 100; i++) calls.push(rig.watch.reload());
  // A reading that did not wait for the one under way would be over by then.
  for (let i = 0; i < 10; i++) await Deno.readTextFile(rig.path);
  resolve();
  await Promise.all(calls);
  assert(rig.applied.length <= 2, `applied ${rig.applied.length} times`);
  assert.deepEqual(rig.applied.at(-1), ["a"]);
  assert.deepEqual(rig.refusals, []);
});

Deno.test("ModelsFileWatch reports nothing once it is disposed", async () => {
  await using rig = await Rig.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.gate = promise;
  rig.failure = new Error("Too late");
  const reload = rig.watch.reload();
  rig.watch[Symbol.dispose]();
  resolve();
  await reload;
  assert.deepEqual(rig.refusals, []);
  assert.deepEqual(rig.timer.delaysMs, []);
});

Deno.test("ModelsFileWatch.reloadIfChanged() returns whether the file had changed, and throws if it cannot be applied", async () => {
  await using rig = await Rig.start();
  assert.equal(await rig.watch.reloadIfChanged(), false);
  await rig.write(listing("a"));
  assert.equal(await rig.watch.reloadIfChanged(), true);
  assert.equal(await rig.watch.reloadIfChanged(), false);
  await rig.write("{");
  await assert.rejects(rig.watch.reloadIfChanged());
  await rig.write(listing("b"));
  assert.equal(await rig.watch.reloadIfChanged(), true);
  assert.deepEqual(rig.applied, [["a"], ["b"]]);
});
