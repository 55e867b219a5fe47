/**
 * Predict's bodies to tensors and back: small ones on the event loop, large ones on the codec thread if there is one.
 *
 * @module
 */
import { byteLength, type NamedTensor } from "../../../base/tensor.ts";
import { buffersOf, type CodecFunction, type CodecThread, ownedCopy } from "../../../rest/codec_thread.ts";
import {
  decodePredictBody,
  encodePredictBody,
  type JsonFormat,
  type ModelInputs,
  type PredictBody,
} from "./predict_codec.ts";

/** Smallest body that is decoded on the thread. For smaller ones that saves less than a millisecond. */
const DECODE_BYTES_MIN = 256 << 10;
/** Smallest outputs that are encoded on the thread. A byte of them takes longer than one of a body. */
const ENCODE_BYTES_MIN = 64 << 10;

const decodeFunction: CodecFunction<{ readonly body: Uint8Array; readonly model: ModelInputs }, PredictBody> = {
  name: "tensorflow_serving.decode_predict",
  run: ({ body, model }) => decodePredictBody(body, model),
  transferOf: ({ inputs }, { body }) => {
    const areStrings = inputs.some(({ tensor }) => tensor.dtype === "string");
    // Strings are views of the body, which moves back with them.
    return [...areStrings ? [body.buffer as ArrayBuffer] : [], ...buffersOf(inputs)];
  },
};

const encodeFunction: CodecFunction<
  { readonly outputs: readonly NamedTensor[]; readonly format: JsonFormat },
  Uint8Array<ArrayBuffer>
> = {
  name: "tensorflow_serving.encode_predict",
  run: ({ outputs, format }) => encodePredictBody(outputs, format),
  transferOf: (json) => [json.buffer],
};

/** What the codec thread runs for this API. */
export const codecFunctions: readonly [typeof decodeFunction, typeof encodeFunction] = [decodeFunction, encodeFunction];

/** Decodes and encodes bodies, synchronously or as a promise. Fails as the functions of predict_codec.ts do. */
export class PredictCodec {
  readonly #thread: CodecThread | undefined;

  /** @param thread borrowed; without one everything happens on the event loop. */
  constructor(thread: CodecThread | undefined) {
    this.#thread = thread;
  }

  /** @param body given away: the caller must not use it afterwards. */
  decode(body: Uint8Array, model: ModelInputs): PredictBody | Promise<PredictBody> {
    if (this.#thread === undefined || body.length < DECODE_BYTES_MIN) return decodePredictBody(body, model);
    // A buffer that moves must not hold other bytes.
    const whole = body.length === body.buffer.byteLength ? body : body.slice();
    return this.#thread.run(decodeFunction, { body: whole, model }, [whole.buffer as ArrayBuffer]);
  }

  /**
   * @param outputs borrowed until the call returns, whether or not the promise has settled.
   * @returns JSON in UTF-8, owned by the caller.
   */
  encode(
    outputs: readonly NamedTensor[],
    format: JsonFormat,
  ): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
    const bytes = byteLength(outputs.map(({ tensor }) => tensor));
    if (this.#thread === undefined || bytes < ENCODE_BYTES_MIN) return encodePredictBody(outputs, format);
    const copies = outputs.map(ownedCopy);
    return this.#thread.run(encodeFunction, { outputs: copies, format }, buffersOf(copies));
  }
}
