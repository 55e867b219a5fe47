/**
 * Inference bodies to requests, and replies to bodies: small ones on the event loop, large JSON on the codec thread if there is one.
 *
 * @module
 */
import { byteLength, type NamedTensor } from "../../../base/tensor.ts";
import { buffersOf, type CodecFunction, type CodecThread, ownedCopy } from "../../../rest/codec_thread.ts";
import { decodeInferBody, type InferBody } from "./infer_body.ts";
import { type EncodedReply, encodeInferReply, type InferReply } from "./infer_reply.ts";

/** Smallest JSON that is decoded on the thread. For smaller one that saves less than a millisecond. */
const DECODE_BYTES_MIN = 256 << 10;
/** Smallest outputs that are encoded as JSON on the thread. A byte of them takes longer than one of a body. */
const ENCODE_BYTES_MIN = 64 << 10;

const decodeFunction: CodecFunction<{ readonly body: Uint8Array; readonly jsonBytes: number }, InferBody> = {
  name: "open_inference.decode_infer",
  run: ({ body, jsonBytes }) => decodeInferBody(body, jsonBytes),
  // Binary tensors and strings are views of the body, which moves back with them.
  transferOf: (
    { inputs },
    { body },
  ) => [...new Set([body.buffer as ArrayBuffer, ...buffersOf(inputs as NamedTensor[])])],
};

const encodeFunction: CodecFunction<InferReply, EncodedReply> = {
  name: "open_inference.encode_infer",
  run: encodeInferReply,
  transferOf: ({ body }) => [body.buffer],
};

/** What the codec thread runs for this API. */
export const codecFunctions: readonly [typeof decodeFunction, typeof encodeFunction] = [decodeFunction, encodeFunction];

/** Decodes and encodes bodies, synchronously or as a promise. Fails as {@link decodeInferBody} does. */
export class InferCodec {
  readonly #thread: CodecThread | undefined;

  /** @param thread borrowed; without one everything happens on the event loop. */
  constructor(thread: CodecThread | undefined) {
    this.#thread = thread;
  }

  /** @param body given away: the caller must not use it afterwards. */
  decode(body: Uint8Array, jsonBytes: number): InferBody | Promise<InferBody> {
    if (this.#thread === undefined || jsonBytes < DECODE_BYTES_MIN) return decodeInferBody(body, jsonBytes);
    // A buffer that moves must not hold other bytes.
    const whole = body.length === body.buffer.byteLength ? body : body.slice();
    return this.#thread.run(decodeFunction, { body: whole, jsonBytes }, [whole.buffer as ArrayBuffer]);
  }

  /** @param reply its tensors are borrowed until the call returns, whether or not the promise has settled. */
  encode(reply: InferReply): EncodedReply | Promise<EncodedReply> {
    const asJson = reply.outputs.filter((_, index) => reply.areBinary[index] !== true).map(({ tensor }) => tensor);
    if (this.#thread === undefined || byteLength(asJson) < ENCODE_BYTES_MIN) return encodeInferReply(reply);
    const outputs = reply.outputs.map(ownedCopy);
    return this.#thread.run(encodeFunction, { ...reply, outputs }, buffersOf(outputs));
  }
}
