/**
 * The thread that decodes and encodes large bodies: started by worker_codec.ts, it does one task after the other.
 *
 * @module
 */
import { ServingError, toServingError } from "../../../base/status.ts";
import { decodePredictBody, encodePredictBody } from "./predict_codec.ts";
import { buffersOf, type CodecAnswer, type CodecTask } from "./worker_codec.ts";

/** What a thread of this kind can do, of which the compiler knows nothing. */
interface WorkerScope {
  onmessage: (event: MessageEvent<CodecTask>) => void;
  postMessage(answer: CodecAnswer, transfer: ArrayBuffer[]): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: task }) => {
  try {
    perform(task);
  } catch (thrown) {
    const { code, message } = toServingError(thrown);
    const cause = thrown instanceof ServingError ? undefined : String(thrown);
    scope.postMessage({ id: task.id, code, message, cause }, []);
  }
};

function perform(task: CodecTask): void {
  const { id } = task;
  if (task.kind === "encode") {
    const result = encodePredictBody(task.outputs, task.format);
    scope.postMessage({ id, result }, [result.buffer]);
  } else {
    const result = decodePredictBody(task.body, task.model);
    const areStrings = result.inputs.some(({ tensor }) => tensor.dtype === "string");
    // Strings are views of the body, which goes back with them.
    const body = areStrings ? [task.body.buffer as ArrayBuffer] : [];
    scope.postMessage({ id, result }, [...body, ...buffersOf(result.inputs)]);
  }
}
