import assert from "node:assert/strict";
import { CODE } from "../../base/status.ts";
import { formatPartialShape } from "../../base/signature.ts";
import {
  FakeEngine,
  type FakeEngineOptions,
  type FakeModelFile,
  testEachEngine,
} from "../../engine/testing/fake_engine.ts";
import { field, floats, recordFile, servingError, VersionFolder } from "../testing/loading.ts";
import type { ModelFiles } from "../source/model_files.ts";
import type { LoadOptions, LoadReport } from "./load_options.ts";
import { loadModel } from "./model_loader.ts";
import type { ModelServable } from "../model_servable.ts";

const MODEL: FakeModelFile = {
  inputs: [{ names: ["x", "x:0"], dtype: "f32", shape: [1, 4] }],
  outputs: [{ names: ["y"], dtype: "f32", shape: [1, 4] }],
};

const OPTIONS: Omit<LoadOptions, "files"> = {
  shape: undefined,
  batchSize: undefined,
  device: "CPU",
  properties: new Map(),
  cacheDir: undefined,
  inferRequestCount: undefined,
  waitersMax: 1,
  otherThreads: 0,
  checksIntegerRange: true,
  tags: ["serve"],
  inferencePrecision: undefined,
  batching: undefined,
  warmUpIterations: 1,
  decodeWarmUp: () => ({
    signatureName: "",
    inputs: [{ name: "x", tensor: floats([1, 2, 3, 4], [1, 4]) }],
    outputFilter: [],
  }),
};

interface Loaded {
  readonly servable: ModelServable;
  readonly report: LoadReport;
}

/** Loads a model and, when `look` has returned, sees that nothing of it is left. */
async function load(
  options: Partial<LoadOptions>,
  { files = (folder) => folder.writeModel(MODEL), engine: engineOptions = {}, look = () => {} }: {
    files?: (folder: VersionFolder) => ModelFiles;
    engine?: FakeEngineOptions;
    look?: (loaded: Loaded) => void | Promise<void>;
  } = {},
): Promise<void> {
  using folder = new VersionFolder();
  const engine = new FakeEngine(engineOptions);
  try {
    const loaded = await loadModel(engine, { ...OPTIONS, files: files(folder), ...options });
    using _servable = loaded.servable;
    await look(loaded);
  } finally {
    assert.deepEqual(engine.live, { models: 0, compiledModels: 0, inferRequests: 0 });
  }
}

/** The shapes of the inputs of the default signature. */
function shapesOf({ servable }: Loaded): string[] {
  return servable.signatures.get("serving_default")?.inputs.map(({ shape }) => formatPartialShape(shape)) ?? [];
}

testEachEngine("loadModel() reports how the model is inferred, without notes when nothing is odd", async (lacks) => {
  await load({ inferRequestCount: 3 }, {
    engine: { lacks },
    look: ({ servable, report }) => {
      assert.ok(report.inferenceUs !== undefined);
      assert.equal(report.isInLoop, !lacks.includes("infers in the loop"));
      assert.deepEqual(report.notes, []);
      assert.equal(servable.inferRequestCount, 3);
    },
  });
  await load({}, {
    engine: { lacks, inferRequestsOptimal: 5 },
    look: ({ report }) => assert.equal(report.inferRequestCount, 5),
  });
});

Deno.test("loadModel() reshapes by the names clients and the model use, and reports what it leaves alone", async () => {
  const fixed = (...sizes: number[]) => sizes.map((size) => ({ min: size, max: size }));
  const files = (folder: VersionFolder): ModelFiles =>
    folder.writeModel(MODEL, { mappingPath: folder.write("mapping_config.json", `{"inputs": {"x": "image"}}`) });
  for (const name of ["image", "x", "x:0"]) {
    const shape = { kind: "byInput", shapes: new Map([[name, fixed(2, 4)]]) } as const;
    await load({ shape, batchSize: { kind: "auto" } }, {
      files,
      look: (loaded) => {
        assert.deepEqual(shapesOf(loaded), ["(2,4)"]);
        assert.deepEqual(loaded.report.notes, ["Both shape and batch_size are set: batch_size is ignored"]);
      },
    });
  }
  await load({ batchSize: { kind: "auto" } }, { look: (loaded) => assert.deepEqual(shapesOf(loaded), ["(-1,4)"]) });
});

Deno.test("loadModel() fails when the model cannot have the shape", async () => {
  const shape = { kind: "all", shape: [{ min: 1, max: 1 }] } as const;
  const expected = servingError(CODE.INVALID_ARGUMENT, /^Cannot reshape the model: x has another rank$/);
  await assert.rejects(() => load({ shape }), expected);
});

testEachEngine("loadModel() replays the warm-up requests, and fails when one of them does", async (lacks) => {
  const files = (folder: VersionFolder): ModelFiles => {
    const records = recordFile([field(6, [field(1, "a request")]), field(2, [])]);
    return folder.writeModel(MODEL, { warmupPath: folder.write("warm_up", records) });
  };
  let count = 0;
  const decodeWarmUp: LoadOptions["decodeWarmUp"] = (bytes) => {
    count++;
    return OPTIONS.decodeWarmUp(bytes);
  };
  await load({ decodeWarmUp }, {
    engine: { lacks },
    files,
    look: ({ report }) => assert.deepEqual(report.notes, ["Warm-up requests of Classify are skipped"]),
  });
  assert.equal(count, 1);
  const wrong = () => ({ signatureName: "", inputs: [], outputFilter: [] });
  const expected = servingError(CODE.INVALID_ARGUMENT, /record 1: input size does not match signature/);
  await assert.rejects(() => load({ decodeWarmUp: wrong }, { files, engine: { lacks } }), expected);
});

testEachEngine("loadModel() leaves nothing behind whatever fails", async (lacks) => {
  const engine = { lacks };
  for (const failure of ["failRead", "failCompile"] as const) {
    const files = (folder: VersionFolder) => folder.writeModel({ ...MODEL, [failure]: "no memory" });
    await assert.rejects(
      () => load({}, { files, engine }),
      servingError(failure === "failRead" ? 3 : 13, /no memory$/),
    );
  }
  const missing = (folder: VersionFolder) => folder.writeModel(MODEL, { mappingPath: `${folder.path}/gone.json` });
  await assert.rejects(
    () => load({}, { files: missing, engine }),
    servingError(CODE.NOT_FOUND, /^Cannot find .*gone\.json$/),
  );
  const unmapped = (folder: VersionFolder) =>
    folder.writeModel(MODEL, { mappingPath: folder.write("mapping_config.json", `{"inputs": {"z": "image"}}`) });
  await assert.rejects(
    () => load({}, { files: unmapped, engine }),
    servingError(CODE.INVALID_ARGUMENT, /has no input z/),
  );
});

testEachEngine("loadModel() serves a model that refuses zeros, and notes it", async (lacks) => {
  await load({}, {
    engine: { lacks },
    files: (folder) => folder.writeModel({ ...MODEL, failInfer: "no zeros" }),
    look: ({ report }) => {
      assert.equal(report.isInLoop, false);
      assert.deepEqual(report.notes, [
        "Not warmed up: the model does not infer zeros: Cannot infer: no zeros",
      ]);
    },
  });
});

Deno.test("loadModel() compiles a copy for each further thread that infers in its loop, and shares other models", async () => {
  const handles = ({ servable }: Loaded) => [0, 1].map((thread) => servable.share(thread).graphs[0]?.compiled.handle);
  await load({ otherThreads: 2 }, {
    look: (loaded) => {
      assert.equal(loaded.report.isInLoop, true);
      assert.equal(new Set(handles(loaded)).size, 2);
    },
  });
  await load({ otherThreads: 2, device: "GPU" }, {
    engine: { devices: ["GPU"] },
    look: (loaded) => {
      assert.equal(loaded.report.isInLoop, false);
      assert.equal(new Set(handles(loaded)).size, 1);
    },
  });
});
