/**
 * A slow model, for tests that act while requests are in progress: it fills a square matrix with its one input and multiplies it with
 * itself.
 *
 * @module
 */

/** Takes about a tenth of a second on two cores. */
const SIDE = 2048;

const SCALAR = "<dim>1</dim>";
const MATRIX = `<dim>${SIDE}</dim><dim>${SIDE}</dim>`;
const PAIR = "<dim>2</dim>";

interface Layer {
  readonly type: string;
  readonly name: string;
  readonly data?: string;
  /** Layers by number. */
  readonly inputs?: readonly number[];
  readonly output?: { readonly precision: string; readonly dims: string };
}

const LAYERS: readonly Layer[] = [
  { type: "Parameter", name: "x", data: 'shape="1" element_type="f32"', output: { precision: "FP32", dims: SCALAR } },
  {
    type: "Const",
    name: "sides",
    data: 'element_type="i64" shape="2" offset="0" size="16"',
    output: { precision: "I64", dims: PAIR },
  },
  {
    type: "Broadcast",
    name: "matrix",
    data: 'mode="numpy"',
    inputs: [0, 1],
    output: { precision: "FP32", dims: MATRIX },
  },
  {
    type: "MatMul",
    name: "product",
    data: 'transpose_a="false" transpose_b="false"',
    inputs: [2, 2],
    output: { precision: "FP32", dims: MATRIX },
  },
  {
    type: "Const",
    name: "axes",
    data: 'element_type="i64" shape="2" offset="16" size="16"',
    output: { precision: "I64", dims: PAIR },
  },
  {
    type: "ReduceMean",
    name: "y",
    data: 'keep_dims="false"',
    inputs: [3, 4],
    output: { precision: "FP32", dims: "" },
  },
  { type: "Result", name: "y/result", inputs: [5] },
];

/** Writes the model into a version's folder, which is made. Its input is `x` of shape [1], its output `y` a scalar. */
export async function writeSlowModel(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const constants = BigInt64Array.of(BigInt(SIDE), BigInt(SIDE), 0n, 1n);
  await Deno.writeFile(`${folder}/slow.bin`, new Uint8Array(constants.buffer));
  await Deno.writeTextFile(`${folder}/slow.xml`, toXml());
}

function toXml(): string {
  const layers = LAYERS.map(layerXml).join("");
  const edges = LAYERS.flatMap(({ inputs = [] }, to) =>
    inputs.map((from, port) => `<edge from-layer="${from}" from-port="9" to-layer="${to}" to-port="${port}"/>`)
  ).join("");
  return `<?xml version="1.0"?><net name="slow" version="11"><layers>${layers}</layers><edges>${edges}</edges></net>`;
}

function layerXml({ type, name, data, inputs = [], output }: Layer, id: number): string {
  const dimsOf = (layer: number) => LAYERS[layer]?.output?.dims ?? "";
  const ports = inputs.map((from, port) => `<port id="${port}">${dimsOf(from)}</port>`).join("");
  const out = output &&
    `<output><port id="9" precision="${output.precision}" names="${name}">${output.dims}</port></output>`;
  const version = type === "Broadcast" ? "opset3" : "opset1";
  return `<layer id="${id}" name="${name}" type="${type}" version="${version}">` +
    `${data === undefined ? "" : `<data ${data}/>`}${inputs.length > 0 ? `<input>${ports}</input>` : ""}${
      out ?? ""
    }</layer>`;
}
