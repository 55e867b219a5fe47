import assert from "node:assert/strict";
import { CODE, ServingError } from "../../base/status.ts";
import { findModelFiles, type ModelFiles } from "./model_files.ts";

/** An IR of one constant that takes `bytes` of the weights. */
function ir(bytes: number): string {
  return `<?xml version="1.0"?>\n<net name="m" version="11"><layers>
<layer id="0" name="w" type="Const" version="opset1"><data element_type="u8" shape="${bytes}" offset="0" size="${bytes}"/>
</layer></layers></net>\n`;
}

/** Makes a version folder and finds the model in it; `F` replaces the folder in the result. */
async function find(files: Record<string, string | Uint8Array>): Promise<ModelFiles> {
  const made = await Deno.makeTempDir();
  try {
    const folder = await Deno.realPath(made);
    for (const [path, content] of Object.entries(files)) {
      await Deno.mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await (typeof content === "string"
        ? Deno.writeTextFile(`${folder}/${path}`, content)
        : Deno.writeFile(`${folder}/${path}`, content));
    }
    try {
      return JSON.parse(JSON.stringify(await findModelFiles(folder)).replaceAll(folder, "F"));
    } catch (thrown) {
      if (!(thrown instanceof ServingError)) throw thrown;
      throw new ServingError(thrown.code, thrown.message, { detail: thrown.detail.replaceAll(folder, "F") });
    }
  } finally {
    await Deno.remove(made, { recursive: true });
  }
}

const FOUND: [what: string, files: Record<string, string | Uint8Array>, expected: ModelFiles | object][] = [
  ["an IR", { "m.xml": ir(10), "m.bin": new Uint8Array(10) }, { format: "ir", path: "F/m.xml" }],
  ["an IR without constants and without a .bin", { "m.xml": ir(0) }, { format: "ir", path: "F/m.xml" }],
  ["an IR with more weights than it needs", { "m.xml": ir(1), "m.bin": "xx" }, { format: "ir", path: "F/m.xml" }],
  ["an ONNX model with external data", { "m.onnx": "x", "m.onnx.data": "x" }, { format: "onnx", path: "F/m.onnx" }],
  ["a frozen graph", { "m.pb": "x" }, { format: "frozen_graph", path: "F/m.pb" }],
  ["a TensorFlow Lite model", { "m.tflite": "x" }, { format: "tflite", path: "F/m.tflite" }],
  ["a PaddlePaddle model", { "m.pdmodel": "x", "m.pdiparams": "x" }, { format: "paddle", path: "F/m.pdmodel" }],
  ["a PaddlePaddle model in JSON", { "m.json": "x", "m.pdiparams": "x" }, { format: "paddle", path: "F/m.json" }],
  [
    "one PaddlePaddle model in both forms",
    { "m.json": "x", "m.pdmodel": "x", "m.pdiparams": "x" },
    { format: "paddle", path: "F/m.pdmodel" },
  ],
  [
    "a SavedModel with all files of TensorFlow",
    {
      "saved_model.pb": "x",
      "fingerprint.pb": "x",
      "keras_metadata.pb": "x",
      "variables/variables.index": "x",
      "variables/variables.data-00000-of-00001": "x",
    },
    { format: "saved_model", path: "F" },
  ],
  ["a SavedModel without variables", { "saved_model.pb": "x" }, { format: "saved_model", path: "F" }],
  [
    "the mapping, the warm-up requests and the batching parameters",
    {
      "m.onnx": "x",
      "mapping_config.json": "{}",
      "assets.extra/tf_serving_warmup_requests": "x",
      "batching_params.pbtxt": "x",
    },
    {
      format: "onnx",
      path: "F/m.onnx",
      mappingPath: "F/mapping_config.json",
      warmupPath: "F/assets.extra/tf_serving_warmup_requests",
      batchingPath: "F/batching_params.pbtxt",
    },
  ],
  [
    "a model beside dotfiles, unfinished copies and other files",
    { "m.onnx": "x", ".m.onnx.q2X": "x", ".n.onnx": "x", "m.onnx.part": "x", "README.md": "x", "old/n.onnx": "x" },
    { format: "onnx", path: "F/m.onnx" },
  ],
];

for (const [what, files, expected] of FOUND) {
  Deno.test(`findModelFiles() finds ${what}`, async () => {
    const bytes = Object.values(files).reduce((sum, content) => sum + content.length, 0);
    assert.deepEqual(await find(files), { ...expected, bytes });
  });
}

const LOOKED_FOR =
  "*.xml (OpenVINO IR), *.onnx, saved_model.pb, *.pb (frozen graph), *.tflite, *.pdmodel, *.json with *.pdiparams";

const REFUSED: [what: string, files: Record<string, string | Uint8Array>, code: number, message: string][] = [
  ["an empty folder", {}, CODE.NOT_FOUND, `No model in F: looked for ${LOOKED_FOR}`],
  ["a .bin alone", { "m.bin": "x" }, CODE.NOT_FOUND, `No model in F: looked for ${LOOKED_FOR}`],
  [
    "two models",
    { "a.onnx": "x", "b.xml": ir(0) },
    CODE.INVALID_ARGUMENT,
    "More than one model in F: a.onnx and b.xml",
  ],
  ["two IRs", { "a.xml": ir(0), "b.xml": ir(0) }, CODE.INVALID_ARGUMENT, "More than one model in F: a.xml and b.xml"],
  ["an empty model file", { "m.onnx": "" }, CODE.DATA_LOSS, "Incomplete model in F: m.onnx is empty"],
  ["an empty .xml", { "m.xml": "" }, CODE.DATA_LOSS, "Incomplete model in F: m.xml is empty"],
  [
    "a truncated .xml",
    { "m.xml": ir(1).slice(0, -9), "m.bin": "x" },
    CODE.DATA_LOSS,
    "Incomplete model in F: m.xml does not end as an IR does",
  ],
  [
    "a truncated .bin",
    { "m.xml": ir(10), "m.bin": new Uint8Array(9) },
    CODE.DATA_LOSS,
    "Incomplete model in F: m.bin has 9 bytes, m.xml needs 10",
  ],
  [
    "a missing .bin",
    { "m.xml": ir(10) },
    CODE.DATA_LOSS,
    "Incomplete model in F: m.bin is missing, m.xml needs 10",
  ],
  [
    "a SavedModel without all shards",
    {
      "saved_model.pb": "x",
      "variables/variables.index": "x",
      "variables/variables.data-00001-of-00002": "x",
    },
    CODE.DATA_LOSS,
    "Incomplete model in F: 1 of 2 shards of the variables are there",
  ],
  [
    "a SavedModel without its index",
    { "saved_model.pb": "x", "variables/variables.data-00000-of-00001": "x" },
    CODE.DATA_LOSS,
    "Incomplete model in F: variables/variables.index is missing",
  ],
];

for (const [what, files, code, message] of REFUSED) {
  Deno.test(`findModelFiles() rejects ${what}`, async () => {
    await assert.rejects(find(files), (thrown: ServingError) => {
      assert.deepEqual([thrown.code, thrown.detail], [code, message]);
      // The error for clients is the same without the folder.
      assert.equal(
        thrown.message,
        message.replace("Incomplete model in F", "Incomplete model").replace(" F:", " the version's folder:"),
      );
      return true;
    });
  });
}

Deno.test("findModelFiles() reports a missing folder", async () => {
  await assert.rejects(findModelFiles("/nowhere/1"), {
    code: CODE.NOT_FOUND,
    message: "Cannot find the version's folder",
    detail: "Cannot find /nowhere/1",
  });
});

Deno.test("findModelFiles() finds the constants of an IR across chunks", async () => {
  const filler = `<data shape="1,3" element_type="f32"/>\n`;
  for (let padding = 131_072 - 180; padding < 131_072; padding += 7) {
    const xml = ir(100).replace(
      "<layer id",
      `${" ".repeat(padding % filler.length)}${filler.repeat(padding / filler.length)}$&`,
    );
    await assert.rejects(find({ "m.xml": xml, "m.bin": new Uint8Array(99) }), { code: CODE.DATA_LOSS }, `${padding}`);
    assert.equal((await find({ "m.xml": xml, "m.bin": new Uint8Array(100) })).format, "ir");
  }
});

Deno.test("findModelFiles() resolves a link to the folder once", async () => {
  const base = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${base}/release`);
    await Deno.writeTextFile(`${base}/release/m.onnx`, "x");
    await Deno.symlink("release", `${base}/1`);
    assert.equal((await findModelFiles(`${base}/1`)).path, `${base}/release/m.onnx`);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});
