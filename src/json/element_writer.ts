/**
 * Writes the elements of numeric tensors as JSON, straight from the tensor's memory.
 *
 * @module
 */
import type { NumericTensor } from "../base/tensor.ts";
import { elementMemory } from "../base/tensor_numbers.ts";
import type { PutNumber } from "./json_writer.ts";

/** Returns the function that writes an element of a tensor, which it borrows. */
export function putterOf(tensor: NumericTensor): PutNumber {
  const { dtype } = tensor;
  switch (dtype) {
    case "f64": {
      const array = new Float64Array(...elementMemory(tensor));
      return (numbers, index) => numbers.double(array[index] as number);
    }
    case "f32": {
      const array = new Float32Array(...elementMemory(tensor));
      return (numbers, index) => numbers.float(array[index] as number);
    }
    case "f16": {
      const array = new Float16Array(...elementMemory(tensor));
      return (numbers, index) => numbers.float(array[index] as number);
    }
    case "bf16": {
      const array = new Uint16Array(...elementMemory(tensor));
      const float = new Float32Array(1);
      const bits = new Uint32Array(float.buffer);
      return (numbers, index) => {
        bits[0] = (array[index] as number) << 16;
        numbers.float(float[0] as number);
      };
    }
    case "i64":
    case "u64": {
      const array = new (dtype === "i64" ? BigInt64Array : BigUint64Array)(...elementMemory(tensor));
      return (numbers, index) => numbers.bigInteger(array[index] as bigint);
    }
    case "bool": {
      const array = tensor.bytes;
      return (numbers, index) => numbers.text(array[index] === 0 ? "false" : "true");
    }
    default: {
      const array = new INTEGER_ARRAYS[dtype](...elementMemory(tensor));
      return (numbers, index) => numbers.integer(array[index] as number);
    }
  }
}

const INTEGER_ARRAYS = {
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
} as const;
