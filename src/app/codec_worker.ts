/**
 * The program of the codec thread: it runs the functions that APIs list for it. Started by `rest/codec_thread.ts`.
 *
 * @module
 */
import { codecFunctions as openInferenceFunctions } from "../apis/open_inference/rest/codec.ts";
import { codecFunctions as tensorFlowServingFunctions } from "../apis/tensorflow_serving/rest/codec.ts";
import { serveCodecs } from "../rest/codec_thread.ts";

serveCodecs([...openInferenceFunctions, ...tensorFlowServingFunctions]);
