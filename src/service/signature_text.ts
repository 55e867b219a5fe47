/**
 * Signatures and shapes as TensorFlow Serving prints them in its errors.
 *
 * @module
 */
import { type PartialShape, PREDICT_METHOD_NAME, type Signature, type TensorSpec } from "../base/signature.ts";
import { dataTypeName } from "./data_type_name.ts";

const utf8 = new TextEncoder();

/** Formats a shape as `TensorShape::DebugString` does: `[2,3]`. */
export function formatTensorShape(shape: readonly number[]): string {
  return `[${shape.join(",")}]`;
}

/** Formats a signature as `SignatureDef::DebugString` does, in protobuf's text format. */
export function formatSignature({ inputs, outputs, methodName = PREDICT_METHOD_NAME }: Signature): string {
  const entries = [
    ...[...inputs].sort(byName).map((spec) => formatEntry("inputs", spec)),
    ...[...outputs].sort(byName).map((spec) => formatEntry("outputs", spec)),
  ];
  return `${entries.join("")}method_name: ${quote(methodName)}\n`;
}

function byName(a: TensorSpec, b: TensorSpec): number {
  return a.name < b.name ? -1 : 1;
}

function formatEntry(field: string, { name, tensorName, dtype, shape }: TensorSpec): string {
  const info = [`name: ${quote(tensorName)}`, `dtype: ${dataTypeName(dtype)}`, ...block("tensor_shape", lines(shape))];
  return block(field, [`key: ${quote(name)}`, ...block("value", info)]).map((line) => `${line}\n`).join("");
}

function lines(shape: PartialShape): string[] {
  if (shape === undefined) return ["unknown_rank: true"];
  return shape.flatMap(({ min, max }) => {
    const size = min === max ? min : -1;
    return block("dim", size === 0 ? [] : [`size: ${size}`]);
  });
}

function block(name: string, contents: readonly string[]): string[] {
  return [`${name} {`, ...contents.map((line) => `  ${line}`), "}"];
}

/** Quotes text with C's escapes, as protobuf does. */
function quote(text: string): string {
  let quoted = "";
  for (const byte of utf8.encode(text)) {
    const character = String.fromCharCode(byte);
    const escape = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "'": "\\'", "\\": "\\\\" }[character];
    const isPrintable = byte >= 0x20 && byte < 0x7f;
    quoted += escape ?? (isPrintable ? character : `\\${byte.toString(8).padStart(3, "0")}`);
  }
  return `"${quoted}"`;
}
