/**
 * A program of the codec thread for tests: functions that answer, fail, or end the thread.
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import { type CodecFunction, serveCodecs } from "../codec_thread.ts";

/** Doubles each byte in place. Its result moves. */
export const doubleBytes: CodecFunction<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> = {
  name: "test.double_bytes",
  run: (bytes) => bytes.map((byte) => byte * 2),
  transferOf: (bytes) => [bytes.buffer],
};

/** Fails with a message for clients. */
export const refuse: CodecFunction<string, never> = {
  name: "test.refuse",
  run: (message) => {
    throw new ServingError(CODE.INVALID_ARGUMENT, message);
  },
  transferOf: () => [],
};

/** Ends the thread with an error before it answers. */
export const crash: CodecFunction<null, null> = {
  name: "test.crash",
  run: () => {
    queueMicrotask(() => {
      throw new Error("crashed on purpose");
    });
    return null;
  },
  transferOf: () => [],
};

/** Has a result that cannot be sent. */
export const uncloneable: CodecFunction<null, () => void> = {
  name: "test.uncloneable",
  run: () => () => {},
  transferOf: () => [],
};

// Tests import the functions; a worker alone serves them.
if ("WorkerGlobalScope" in globalThis) serveCodecs([doubleBytes, refuse, crash, uncloneable]);
