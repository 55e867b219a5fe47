/**
 * The cost of an inference beside OpenVINO's own call:
 * `deno bench --allow-read --allow-write --allow-env --allow-ffi src/engine/openvino_ffi/infer_request_bench.ts`.
 * The models compute next to nothing, so that the overhead shows.
 */
import { join } from "node:path";
import type { Tensor } from "../../base/tensor.ts";
import type { InferRequest } from "../engine.ts";
import { findRuntime } from "./runtime/discovery.ts";
import { FfiEngine } from "./engine.ts";
import { addressOf, Library, nativeWords, pointerAt, toCString } from "./library.ts";

/** The settings with which a small model answers fastest. */
const PROPERTIES = new Map([
  ["PERFORMANCE_HINT", "LATENCY"],
  ["INFERENCE_NUM_THREADS", "1"],
  ["ENABLE_CPU_PINNING", "NO"],
]);

const { path: libraryPath } = findRuntime();
const folder = Deno.makeTempDirSync();
const engine = new FfiEngine(libraryPath);

/** Writes a model of one operation on `f32`: `ReLU` touches every element, `ShapeOf` none. */
function writeModel(operation: "ReLU" | "ShapeOf", shape: readonly (number | "?")[]): string {
  const dimensions = shape.map((size) => `<dim>${size === "?" ? -1 : size}</dim>`).join("");
  const [opset, data, precision, outputDimensions] = operation === "ReLU"
    ? ["opset1", "", "FP32", dimensions]
    : ["opset3", `output_type="i64"`, "I64", "<dim>2</dim>"];
  const path = join(folder, `${operation}_${shape.join("_").replaceAll("?", "any")}.xml`);
  Deno.writeTextFileSync(
    path,
    `<net name="m" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="${shape}" element_type="f32"/>
<output><port id="0" precision="FP32" names="x">${dimensions}</port></output></layer>
<layer id="1" name="y" type="${operation}" version="${opset}"><data ${data}/><input><port id="0"/></input>
<output><port id="1" precision="${precision}" names="y">${outputDimensions}</port></output></layer>
<layer id="2" name="result" type="Result" version="opset1"><input><port id="0"/></input></layer></layers>
<edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/>
<edge from-layer="1" from-port="1" to-layer="2" to-port="0"/></edges></net>`,
  );
  return path;
}

async function compile(path: string): Promise<InferRequest> {
  using model = await engine.read(path);
  return (await model.compile({ device: "CPU", properties: PROPERTIES })).createInferRequest();
}

/** OpenVINO's call alone, on a request without a wrapper. */
async function bareInfer(path: string): Promise<() => void> {
  const library = new Library(libraryPath);
  const { symbols } = library;
  const core = library.outPointer((out) => symbols.ov_core_create(out), "Cannot start");
  const out = nativeWords(1);
  const nativePath = toCString(path);
  library.check(await symbols.ov_core_read_model_async(core, nativePath, null, out), "Cannot read");
  const model = pointerAt(out, 0);
  const strings = [...PROPERTIES].flat().map(toCString);
  const table = nativeWords(strings.length);
  strings.forEach((string, i) => table[i] = addressOf(string));
  const count = BigInt(PROPERTIES.size);
  const device = toCString("CPU");
  const status = await symbols.ov_core_compile_model_props_async(core, model, device, count, table, out);
  library.check(status, "Cannot compile");
  const compiled = pointerAt(out, 0);
  const create = symbols.ov_compiled_model_create_infer_request;
  const request = library.outPointer((out) => create(compiled, out), "Cannot make a request");
  return () => library.check(symbols.ov_infer_request_infer(request), "Cannot infer");
}

function floats(shape: readonly number[], offset = 0): Tensor {
  const byteLength = shape.reduce((count, size) => count * size, 4);
  return { dtype: "f32", shape, bytes: new Uint8Array(byteLength + offset).subarray(offset) };
}

const fixedPath = writeModel("ReLU", [1, 1]);
const openPath = writeModel("ReLU", ["?", 1]);
const [bareFixed, bareOpen] = [await bareInfer(fixedPath), await bareInfer(openPath)];
const [fixed, open] = [await compile(fixedPath), await compile(openPath)];
const one = [floats([1, 1])];
const shapes = [one, [floats([2, 1])]];
let round = 0;

Deno.bench("bare call, [1,1]", { group: "small", baseline: true }, () => bareFixed());
Deno.bench("infer, [1,1]", { group: "small" }, () => void fixed.infer?.(one));
Deno.bench("bare call, [?,1]", { group: "small" }, () => bareOpen());
Deno.bench("infer, [?,1], one row", { group: "small" }, () => void open.infer?.(one));
Deno.bench("infer, [?,1], one row and two in turn", { group: "small" }, () => {
  open.infer?.(shapes[round++ & 1] as Tensor[]);
});
Deno.bench("inferAsync, [1,1]", { group: "small" }, async () => void await fixed.inferAsync(one));

for (
  const [title, size] of [["16 kB", 4_096], ["64 kB", 16_384], ["602 kB", 150_528], ["9.6 MB", 2_408_448]] as const
) {
  const request = await compile(writeModel("ShapeOf", ["?", size]));
  const [aligned, odd] = [[floats([1, size])], [floats([1, size], 1)]];
  Deno.bench(`${title} aligned`, { group: title, baseline: true }, () => void request.infer?.(aligned));
  Deno.bench(`${title} at an odd address, copied`, { group: title }, () => void request.infer?.(odd));
}

globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
