/**
 * Where this server's answers differ from Triton's on purpose, by the names of the recorded cases.
 *
 * @module
 */

/** A deliberate difference: what this server answers in place of what was recorded, and why. */
export interface Difference {
  readonly why: string;
  /** The HTTP status, or the gRPC code. */
  readonly status?: number | string;
  /** Replaces members of the reply; the whole reply where none was recorded. */
  readonly reply?: Readonly<Record<string, unknown>>;
  /** Replaces the reply's Content-Encoding. */
  readonly encoding?: string;
  /** The reply of this server is the recorded one with its outputs in another order. */
  readonly outputs?: readonly string[];
  /** Members of the reply that are left out of the comparison, wherever they are. */
  readonly leftOut?: readonly string[];
}

const CLIENTS_MISTAKE: Difference = { status: 400, why: "a client's mistake is 400, not 500" };
const PROBE_BODY = "the specification and KServe's clients have JSON bodies";
const NOT_THERE: Difference = {
  status: 404,
  why: "a model that is not there is 404 for every path; 503 is one that is not ready",
};
const PLATFORM: Difference = {
  reply: { platform: "OpenVINO" },
  why: "the platform is the engine's",
};
const CONFIG: Difference = {
  leftOut: [
    "backend",
    "platform",
    "runtime",
    "version_policy",
    "default_model_filename",
    "instance_group",
    "optimization",
    "allow_ragged_batch",
    "batch_input",
    "batch_output",
    "cc_model_filenames",
    "format",
    "is_non_linear_format_io",
    "is_shape_tensor",
    "label_filename",
    "metric_tags",
    "model_warmup",
    "optional",
    "parameters",
  ],
  why: "only what clients read of a configuration is there: names, datatypes, shapes, batch size",
};
const FP16_AS_JSON = "FP16 is served as JSON too, as numbers";
const SMALL_REPLY: Difference = {
  encoding: "",
  why: "replies below 32 kB are not compressed: it costs more than it saves",
};

/** The outputs of `mixed` for the recorded inputs, with f16 as numbers. */
function mixedOutputs(f16: readonly number[]): readonly unknown[] {
  const data: readonly (readonly [string, string, readonly unknown[]])[] = [
    ["f16", "FP16", f16],
    ["f32", "FP32", [1.5, Math.fround(-0.1)]],
    ["f64", "FP64", [1e300, 0.1]],
    ["i8", "INT8", [-128n, 127n]],
    ["i16", "INT16", [-32768n, 32767n]],
    ["i32", "INT32", [-2147483648n, 2147483647n]],
    ["i64", "INT64", [-9223372036854775808n, 9223372036854775807n]],
    ["u8", "UINT8", [0n, 255n]],
    ["u16", "UINT16", [0n, 65535n]],
    ["u32", "UINT32", [0n, 4294967295n]],
    ["u64", "UINT64", [0n, 18446744073709551615n]],
    ["bool", "BOOL", [true, false]],
    ["string", "BYTES", ["a", "\u00e9\u4e16"]],
  ];
  return data.map(([name, datatype, values]) => ({ name, datatype, shape: ["2"], data: values }));
}

/** Of REST. */
export const REST_DIFFERENCES: Readonly<Record<string, Difference>> = {
  "server live": { reply: { live: true }, why: PROBE_BODY },
  "server ready": { reply: { ready: true }, why: PROBE_BODY },
  "model ready": { reply: { name: "half_plus_two", ready: true }, why: PROBE_BODY },
  "version ready": { reply: { name: "half_plus_two", ready: true }, why: PROBE_BODY },
  "unknown model ready": NOT_THERE,
  "unknown version ready": NOT_THERE,
  "model metadata": PLATFORM,
  "version metadata": PLATFORM,
  "model config": CONFIG,
  "FP16 as JSON": {
    status: 200,
    why: FP16_AS_JSON,
    reply: { model_name: "mixed", model_version: "1", outputs: mixedOutputs([1.5, 2]) },
  },
  "all datatypes binary": {
    status: 200,
    why: FP16_AS_JSON,
    reply: { model_name: "mixed", model_version: "1", outputs: mixedOutputs([1.5, -2.25]) },
  },
  "gzip reply": SMALL_REPLY,
  "deflate reply": SMALL_REPLY,
  "no JSON": CLIENTS_MISTAKE,
  "empty body": { status: 400, why: "no JSON is no request: a raw body needs Inference-Header-Content-Length: 0" },
  "no inputs": CLIENTS_MISTAKE,
  "no datatype": CLIENTS_MISTAKE,
  "no shape": CLIENTS_MISTAKE,
  "no name": CLIENTS_MISTAKE,
  "too few elements": CLIENTS_MISTAKE,
  "too many elements": CLIENTS_MISTAKE,
  "negative shape": CLIENTS_MISTAKE,
  "text for a number": CLIENTS_MISTAKE,
};

/** Of gRPC. */
export const GRPC_DIFFERENCES: Readonly<Record<string, Difference>> = {
  "model metadata": PLATFORM,
  "metadata of a version": PLATFORM,
  "model config": CONFIG,
  "outputs in the order asked for": {
    outputs: ["string", "i64", "bool"],
    why: "outputs come in the order asked for, as over TensorFlow Serving's API",
  },
  "one raw entry too many": {
    status: "INVALID_ARGUMENT",
    why: "an entry without an input is a mistake, as in model_server",
  },
};
