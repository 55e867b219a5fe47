import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { Manager } from "../core/manager.ts";
import { ModelCatalog } from "./model_catalog.ts";
import type { ModelConfig } from "./model_config.ts";
import { FileSystemSource } from "./source/file_system_source.ts";
import type { ModelSource, SourceListener } from "./source/source.ts";
import { MemorySource } from "./testing/memory_source.ts";
import { MANAGER_OPTIONS } from "../core/testing/manager_rig.ts";

/** A servable that knows how it was loaded and whether it is freed. */
class Loaded implements Disposable {
  isFreed = false;
  constructor(readonly model: ModelConfig, readonly version: number) {}

  [Symbol.dispose](): void {
    this.isFreed = true;
  }
}

/** Where the versions of a test lie, and the source that finds them there. */
interface Place extends AsyncDisposable {
  readonly openSource: (listener: SourceListener) => ModelSource;
  /** The base path of a model. */
  basePathOf(name: string): string;
  addVersion(name: string, version: number): Promise<void>;
}

/** The sources that the tests run with. */
const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  "the file system": async () => {
    const folder = await Deno.makeTempDir();
    return {
      openSource: (listener) => new FileSystemSource(0, listener),
      basePathOf: (name) => `${folder}/${name}`,
      async addVersion(name, version): Promise<void> {
        await Deno.mkdir(`${folder}/${name}/${version}`, { recursive: true });
        await Deno.writeTextFile(`${folder}/${name}/${version}/model.onnx`, "");
      },
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  },
  memory: () => {
    const source = new MemorySource();
    return Promise.resolve({
      openSource: source.open,
      basePathOf: (name: string) => `memory/${name}`,
      addVersion: (name: string, version: number) =>
        Promise.resolve(source.add(`memory/${name}`, version, { inputs: [], outputs: [] })),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
};

type NewRig = (options?: { allowLabelsForUnavailable?: boolean }) => Promise<AsyncDisposable & Rig>;

/** Registers a test once for each source. */
function testEachSource(name: string, body: (newRig: NewRig) => Promise<void>): void {
  for (const [sourceName, makePlace] of Object.entries(PLACES)) {
    Deno.test(`${name}, with versions in ${sourceName}`, () => body((options) => makeRig(makePlace, options)));
  }
}

/** A catalog whose versions load unless they are `broken`. */
async function makeRig(
  makePlace: () => Promise<Place>,
  { allowLabelsForUnavailable = false }: { allowLabelsForUnavailable?: boolean } = {},
): Promise<AsyncDisposable & Rig> {
  const place = await makePlace();
  const loads: Loaded[] = [];
  const broken = new Set<string>();
  const manager = new Manager<Loaded>({
    ...MANAGER_OPTIONS,
    loadsMax: 4,
    loadRetriesMax: 0,
    allowLabelsForUnavailable,
  });
  const catalog = new ModelCatalog<Loaded>({
    manager,
    openSource: place.openSource,
    onEvent: () => {},
    load: async (model, { version }) => {
      // Long enough for everything else to continue meanwhile.
      await new Promise((resolve) => setTimeout(resolve));
      if (broken.has(`${model.name}/${version}`)) {
        throw new ServingError(CODE.INVALID_ARGUMENT, "The model is broken");
      }
      const loaded = new Loaded(model, version);
      loads.push(loaded);
      return loaded;
    },
  });
  return {
    catalog,
    manager,
    loads,
    broken,
    async addVersions(name, ...versions): Promise<void> {
      for (const version of versions) await place.addVersion(name, version);
    },
    model: (name, changes = {}) => ({
      name,
      basePath: place.basePathOf(name),
      versionPolicy: { kind: "latest", count: 1 },
      versionLabels: new Map(),
      platform: undefined,
      device: "CPU",
      pluginConfig: new Map(),
      inferRequestCount: undefined,
      shape: undefined,
      batchSize: undefined,
      ...changes,
    }),
    available: () =>
      manager.names().flatMap((name) =>
        manager.states(name).filter(({ state }) => state === "available").map(({ id }) => `${name}/${id.version}`)
      ),
    async [Symbol.asyncDispose](): Promise<void> {
      await catalog[Symbol.asyncDispose]();
      await manager[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

interface Rig {
  readonly catalog: ModelCatalog<Loaded>;
  readonly manager: Manager<Loaded>;
  /** Everything that was ever loaded, in order. */
  readonly loads: Loaded[];
  /** `name/version` of what does not load. */
  readonly broken: Set<string>;
  addVersions(name: string, ...versions: number[]): Promise<void>;
  model(name: string, changes?: Partial<ModelConfig>): ModelConfig;
  /** `name/version` of what can be used. */
  available(): string[];
}

testEachSource(
  "ModelCatalog.replace() loads new models, unloads removed ones and leaves the others alone",
  async (newRig) => {
    await using rig = await newRig();
    await rig.addVersions("a", 1);
    await rig.addVersions("b", 1, 2);
    await rig.addVersions("c", 3);
    assert.deepEqual(await rig.catalog.replace(() => [rig.model("a"), rig.model("b")]), []);
    assert.deepEqual(rig.available(), ["a/1", "b/2"]);
    const b = rig.loads.find(({ model }) => model.name === "b");

    await rig.catalog.replace(() => [rig.model("b"), rig.model("c")]);
    await rig.manager.settled();
    assert.deepEqual(rig.available(), ["b/2", "c/3"]);
    assert.equal(rig.loads.length, 3);
    assert.equal(b?.isFreed, false);
    assert.deepEqual(rig.catalog.names, ["b", "c"]);
  },
);

testEachSource("ModelCatalog.replace() loads a model whose options change beside itself", async (newRig) => {
  await using rig = await newRig();
  await rig.addVersions("a", 1);
  await rig.catalog.replace(() => [rig.model("a")]);
  using held = rig.manager.acquire({ name: "a" });

  const shapes = new Map([["x", [{ min: 1, max: Infinity }]]]);
  for (const changes of [{ device: "GPU" }, { shape: { kind: "byInput" as const, shapes } }]) {
    await rig.catalog.replace(() => [rig.model("a", changes)]);
    using handle = rig.manager.acquire({ name: "a" });
    assert.equal(handle.servable.model.device, changes.device ?? "CPU");
    assert.deepEqual(handle.servable.model.shape, changes.shape);
  }
  assert.equal(held.servable.isFreed, false);
  assert.equal(rig.loads.length, 3);
  await rig.catalog.replace(() => [rig.model("a", { shape: { kind: "byInput", shapes: new Map(shapes) } })]);
  assert.equal(rig.loads.length, 3);
});

testEachSource("ModelCatalog.replace() follows a model to another place and another policy", async (newRig) => {
  await using rig = await newRig();
  await rig.addVersions("a", 1, 2);
  await rig.addVersions("elsewhere", 1);
  await rig.catalog.replace(() => [rig.model("a", { versionPolicy: { kind: "all" } })]);
  assert.deepEqual(rig.available(), ["a/2", "a/1"]);
  await rig.catalog.replace(() => [rig.model("a", { versionPolicy: { kind: "specific", versions: [1] } })]);
  await rig.manager.settled();
  assert.deepEqual(rig.available(), ["a/1"]);

  const { basePath } = rig.model("elsewhere");
  await rig.catalog.replace(() => [rig.model("a", { basePath })]);
  await rig.manager.settled();
  assert.deepEqual(rig.available(), ["a/1"]);
  using handle = rig.manager.acquire({ name: "a" });
  assert.equal(handle.servable.model.basePath, basePath);
  await rig.catalog.replace(() => [rig.model("a", { basePath: `${basePath}/nowhere` })]);
  assert.deepEqual(rig.available(), ["a/1"]);
});

testEachSource(
  "ModelCatalog.replace() returns the new models that cannot be served, with the reason",
  async (newRig) => {
    await using rig = await newRig();
    await rig.addVersions("good", 1);
    await rig.addVersions("bad", 7);
    rig.broken.add("bad/7");
    const choose = () => [rig.model("good"), rig.model("bad"), rig.model("missing")];
    const missing = await rig.catalog.replace(choose);
    assert.deepEqual(
      missing.map(({ name, version, error }) => [name, version, error.code, error.message, error.detail]),
      [
        ["bad", 7, CODE.INVALID_ARGUMENT, "The model is broken", "The model is broken"],
        [
          ...["missing", undefined, CODE.NOT_FOUND, "Cannot find the base path"],
          `Cannot find ${rig.model("missing").basePath}`,
        ],
      ],
    );
    assert.deepEqual(rig.available(), ["good/1"]);
    assert.deepEqual(await rig.catalog.replace(choose), []);
  },
);

testEachSource(
  "ModelCatalog.replace() assigns labels once versions are loaded, and drops those of removed models",
  async (newRig) => {
    await using rig = await newRig();
    await rig.addVersions("a", 1, 2);
    const labelled = rig.model("a", {
      versionPolicy: { kind: "all" },
      versionLabels: new Map([["stable", 1], ["canary", 2]]),
    });
    await rig.catalog.replace(() => [labelled]);
    using stable = rig.manager.acquire({ name: "a", versionLabel: "stable" });
    using canary = rig.manager.acquire({ name: "a", versionLabel: "canary" });
    assert.deepEqual([stable.id.version, canary.id.version], [1, 2]);

    await rig.catalog.replace(() => []);
    assert.throws(() => rig.manager.acquire({ name: "a", versionLabel: "stable" }), { code: CODE.INVALID_ARGUMENT });
  },
);

testEachSource(
  "ModelCatalog.replace() changes nothing for a label whose version cannot become available",
  async (newRig) => {
    await using rig = await newRig();
    await rig.addVersions("a", 1, 2);
    await rig.addVersions("b", 1);
    await rig.catalog.replace(() => [rig.model("a", { versionLabels: new Map([["stable", 2]]) })]);
    for (const version of [1, 3]) {
      const choose = () => [rig.model("b"), rig.model("a", { versionLabels: new Map([["stable", version]]) })];
      await assert.rejects(rig.catalog.replace(choose), {
        code: CODE.FAILED_PRECONDITION,
        message:
          `Request to assign label to version ${version} of model a, which is not currently available for inference`,
      });
    }
    assert.deepEqual(rig.available(), ["a/2"]);
    assert.deepEqual(rig.catalog.names, ["a"]);
    using stable = rig.manager.acquire({ name: "a", versionLabel: "stable" });
    assert.equal(stable.id.version, 2);
  },
);

testEachSource("ModelCatalog.replace() keeps all labels when a version fails to load", async (newRig) => {
  await using rig = await newRig();
  await rig.addVersions("a", 1);
  await rig.addVersions("b", 1);
  await rig.catalog.replace(() => [rig.model("a", { versionLabels: new Map([["stable", 1]]) })]);
  rig.broken.add("b/1");
  const choose = () => [rig.model("a"), rig.model("b", { versionLabels: new Map([["stable", 1]]) })];
  await assert.rejects(rig.catalog.replace(choose), { code: CODE.FAILED_PRECONDITION });
  using stable = rig.manager.acquire({ name: "a", versionLabel: "stable" });
  assert.equal(stable.id.version, 1);
});

testEachSource("ModelCatalog.replace() assigns a new label to an unavailable version if allowed", async (newRig) => {
  await using rig = await newRig({ allowLabelsForUnavailable: true });
  await rig.addVersions("a", 1);
  await rig.catalog.replace(() => [rig.model("a", { versionLabels: new Map([["stable", 1], ["canary", 9]]) })]);
  assert.throws(() => rig.manager.acquire({ name: "a", versionLabel: "canary" }), { code: CODE.NOT_FOUND });
  const moved = () => [rig.model("a", { versionLabels: new Map([["stable", 9]]) })];
  await assert.rejects(rig.catalog.replace(moved), { code: CODE.FAILED_PRECONDITION });
});

testEachSource(
  "ModelCatalog.replace() runs one replacement after the other, each with the models so far",
  async (newRig) => {
    await using rig = await newRig();
    await rig.addVersions("a", 1);
    await rig.addVersions("b", 1);
    const seen: string[][] = [];
    const add = (name: string) => (before: readonly ModelConfig[]) => {
      seen.push(before.map((model) => model.name));
      return [...before, rig.model(name)];
    };
    const refused = rig.catalog.replace(() => {
      throw new Error("no");
    });
    await Promise.all([assert.rejects(refused, /no/), rig.catalog.replace(add("a")), rig.catalog.replace(add("b"))]);
    assert.deepEqual(seen, [[], ["a"]]);
    assert.deepEqual(rig.available(), ["a/1", "b/1"]);
  },
);

testEachSource("ModelCatalog.replace() rejects replacements past a bound of waiting ones", async (newRig) => {
  await using rig = await newRig();
  const waiting = Array.from({ length: 64 }, () => rig.catalog.replace(() => []));
  await assert.rejects(rig.catalog.replace(() => []), { code: CODE.UNAVAILABLE });
  await Promise.all(waiting);
  assert.deepEqual(await rig.catalog.replace(() => []), []);
});
