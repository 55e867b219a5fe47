/**
 * What a case of the contract is: a request and its answer, in words that are no protocol's.
 *
 * @module
 */
import type { CodeName } from "../../../../src/base/status.ts";
import type { DType } from "../../../../src/base/tensor.ts";
import type { Message } from "../../../support/prediction_client.ts";

/** A tensor to read and write by hand. */
export interface PlainTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: readonly (number | bigint | boolean | string)[];
}

/** An input as gRPC alone can say it. */
export interface RawTensor {
  readonly proto: Message;
}

/** Which model is meant. */
export interface PlainSpec {
  readonly name?: string;
  readonly version?: number | bigint;
  readonly label?: string;
  readonly signature?: string;
}

/** A `tensorflow.Example`: numbers are int64s, but floats where one of them is broken. */
export type PlainExample = Readonly<Record<string, readonly (number | string)[]>>;

/** What is asked. Without a spec the message has none. */
export type PlainRequest =
  | {
    readonly api: "predict";
    readonly spec?: PlainSpec;
    readonly inputs?: Readonly<Record<string, PlainTensor | RawTensor>>;
    readonly outputFilter?: readonly string[];
  }
  | {
    readonly api: "classify" | "regress";
    readonly spec?: PlainSpec;
    readonly examples?: readonly PlainExample[];
    readonly context?: PlainExample;
  }
  | {
    readonly api: "multi_inference";
    readonly tasks: readonly { readonly spec?: PlainSpec; readonly method: string }[];
    readonly examples?: readonly PlainExample[];
  }
  | { readonly api: "metadata"; readonly spec?: PlainSpec; readonly fields: readonly string[] }
  | { readonly api: "status"; readonly spec?: PlainSpec };

/** What comes back: an error, or a reply with the parts that are named here. */
export type PlainAnswer =
  | { readonly code: CodeName; readonly message: string }
  | { readonly outputs: Readonly<Record<string, PlainTensor>>; readonly servedBy?: PlainSpec }
  | { readonly result: unknown; readonly servedBy?: PlainSpec };

/** A request and its answer. */
export interface ContractCase {
  readonly name: string;
  /** Where TensorFlow Serving says so. */
  readonly source: string;
  readonly request: PlainRequest;
  readonly answer: PlainAnswer;
  /** Whether REST can say it, and answers alike; gRPC always does. */
  readonly rest?: boolean;
}

/** Some floats as a tensor of one axis. */
export function floats(...values: number[]): PlainTensor {
  return { dtype: "f32", shape: [values.length], values };
}
