/**
 * Who turns the bodies of Predict into tensors and back: the calling thread, or another where that takes long.
 *
 * @module
 */
import type { NamedTensor } from "../../../base/tensor.ts";
import {
  decodePredictBody,
  encodePredictBody,
  type JsonFormat,
  type ModelInputs,
  type PredictBody,
} from "./predict_codec.ts";

/** JSON in UTF-8, owned by who gets it. */
export type JsonText = Uint8Array<ArrayBuffer>;

/** Decodes and encodes bodies, at once or as a promise; both fail as the functions of predict_codec.ts do. */
export interface PredictCodec {
  /** @param body given away: of no use to the caller any more. */
  decode(body: Uint8Array, model: ModelInputs): PredictBody | Promise<PredictBody>;
  /** @param outputs borrowed until the call returns, whether or not the promise has been settled. */
  encode(outputs: readonly NamedTensor[], format: JsonFormat): JsonText | Promise<JsonText>;
}

/** Does it on the calling thread. */
export const inLoopCodec: PredictCodec = { decode: decodePredictBody, encode: encodePredictBody };
