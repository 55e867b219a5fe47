/**
 * Carries a request from a signature to its graph and back: inputs, parsed examples and constants to what the graph takes, and what
 * the graph puts out to the signature's outputs.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import type { Tensor } from "../../base/tensor.ts";
import { ExampleParser, type ParsedExamples } from "./example_parser.ts";
import type { Answer, Feed, Wiring } from "./plan.ts";

/** What one request feeds. */
export interface Fed {
  /** In the order of the graph's inputs. */
  readonly tensors: readonly Tensor[];
  /** Answers the outputs. @param outputs of the graph, in its order; borrowed. @returns in the order of the signature's outputs. */
  answer(outputs: readonly Tensor[]): readonly Tensor[];
}

/** A signature bound to its graph. */
export class SignatureBinding {
  readonly #feeds: readonly Feed[];
  readonly #answers: readonly Answer[];
  readonly #examples: { readonly input: number; readonly parser: ExampleParser } | undefined;

  constructor({ feeds, answers, examples }: Wiring) {
    this.#feeds = feeds;
    this.#answers = answers;
    this.#examples = examples && { input: examples.input, parser: new ExampleParser(examples.features) };
  }

  /**
   * Makes what the graph takes.
   *
   * @param inputs in the order of the signature's definition; borrowed by what is returned.
   * @throws {ServingError} INVALID_ARGUMENT for an example that does not parse.
   */
  feed(inputs: readonly Tensor[]): Fed {
    const parsed = this.#parse(inputs);
    const tensorOf = (feed: Feed): Tensor => {
      switch (feed.kind) {
        case "input":
          return inputs[feed.index] as Tensor;
        case "constant":
          return feed.tensor;
        case "feature":
          return (parsed as ParsedExamples).part(feed.index, feed.part);
      }
    };
    return {
      tensors: this.#feeds.map(tensorOf),
      answer: (outputs) =>
        this.#answers.map((answer) => {
          switch (answer.kind) {
            case "output":
              return outputs[answer.index] as Tensor;
            case "constant":
              return answer.tensor;
            case "feed":
              return tensorOf(answer.feed);
          }
        }),
    };
  }

  #parse(inputs: readonly Tensor[]): ParsedExamples | undefined {
    if (this.#examples === undefined) return undefined;
    const serialized = inputs[this.#examples.input];
    if (serialized?.dtype === "string" && serialized.shape.length === 1) {
      return this.#examples.parser.parse(serialized.strings);
    }
    throw new ServingError(
      CODE.INVALID_ARGUMENT,
      `Expected serialized examples to be a vector, got shape: [${serialized?.shape ?? ""}]`,
    );
  }
}
