/**
 * Triton's classification extension: the highest values of an output as BYTES `value:index`
 * (docs/protocol/extension_classification.md).
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { NumericTensor } from "../../base/tensor.ts";
import { numbersOf } from "../../base/tensor_numbers.ts";
import type { ResponseOutput } from "../../service/messages.ts";

/**
 * Replaces an output by its `classCount` highest values, highest first, those of each row of the first dimension. An output of one
 * dimension is one row.
 *
 * @param classCount the output itself when 0.
 * @throws {ServingError} INVALID_ARGUMENT for an output that has no numbers or no dimension.
 */
export function classified(output: ResponseOutput, classCount: number): ResponseOutput {
  if (classCount <= 0) return output;
  const { name, tensor } = output;
  if (tensor.dtype === "string" || tensor.shape.length === 0) {
    throw new ServingError(CODE.INVALID_ARGUMENT, `output '${name}' cannot be classified: expected a list of numbers`);
  }
  const rows = tensor.shape.length === 1 ? 1 : tensor.shape[0] as number;
  const strings = classesOf(tensor, { rows, classCount });
  const columns = rows === 0 ? 0 : strings.length / rows;
  return { name, tensor: { dtype: "string", shape: tensor.shape.length === 1 ? [columns] : [rows, columns], strings } };
}

function classesOf(
  tensor: NumericTensor,
  { rows, classCount }: { rows: number; classCount: number },
): Uint8Array[] {
  const values = numbersOf(tensor);
  const columns = rows === 0 ? 0 : values.length / rows;
  const encoder = new TextEncoder();
  return Array.from({ length: rows }, (_, row) => {
    const start = row * columns;
    const indices = Array.from({ length: columns }, (_, column) => column);
    indices.sort((a, b) => (values[start + b] as number) - (values[start + a] as number));
    return indices.slice(0, classCount).map((index) =>
      encoder.encode(`${(values[start + index] as number).toFixed(6)}:${index}`)
    );
  }).flat();
}
