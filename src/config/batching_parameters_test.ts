import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { CODE } from "../base/status.ts";
import { batchingOptionsOf, parseBatchingParameters, readBatching } from "./batching_parameters.ts";
import { ConfigError } from "../base/config_error.ts";

const DEFAULTS = {
  requestRowsMax: 1000,
  batchRowsMax: 1000,
  batchTimeoutMs: 0,
  waitingBatchesMax: 10,
  batchesAtOnceMax: navigator.hardwareConcurrency,
  allowedBatchRows: [],
  isPadding: false,
};

Deno.test("parseBatchingParameters() applies TensorFlow Serving's defaults", () => {
  assert.deepEqual(parseBatchingParameters(""), DEFAULTS);
  assert.deepEqual(parseBatchingParameters('thread_pool_name { value: "batches" }'), DEFAULTS);
});

Deno.test("parseBatchingParameters() reads the example of TensorFlow Serving's guide", () => {
  const text = `
    max_batch_size { value: 128 }
    batch_timeout_micros { value: 0 }
    max_enqueued_batches { value: 1000000 }
    num_batch_threads { value: 8 }
  `;
  assert.deepEqual(parseBatchingParameters(text), {
    ...DEFAULTS,
    requestRowsMax: 128,
    batchRowsMax: 128,
    waitingBatchesMax: 1_000_000,
    batchesAtOnceMax: 8,
  });
});

Deno.test("parseBatchingParameters() reads all fields", () => {
  const text = `
    max_batch_size: { value: 64 }, batch_timeout_micros: < value: 1500 > # one and a half milliseconds
    enable_large_batch_splitting { value: true } max_execution_batch_size { value: 16 }
    allowed_batch_sizes: [8, 16] allowed_batch_sizes: 64; pad_variable_length_inputs: true
  `;
  assert.deepEqual(parseBatchingParameters(text), {
    ...DEFAULTS,
    requestRowsMax: 64,
    batchRowsMax: 16,
    batchTimeoutMs: 1.5,
    allowedBatchRows: [8, 16, 64],
    isPadding: true,
  });
});

Deno.test("parseBatchingParameters() splits at max_batch_size by default, and only if splitting is enabled", () => {
  const rowsOf = (text: string) => {
    const { requestRowsMax, batchRowsMax } = parseBatchingParameters(text);
    return [requestRowsMax, batchRowsMax];
  };
  const size = "max_batch_size { value: 64 }";
  assert.deepEqual(rowsOf(`${size} enable_large_batch_splitting { value: true }`), [64, 64]);
  assert.deepEqual(rowsOf(`${size} max_execution_batch_size { value: 16 }`), [64, 64]);
  assert.deepEqual(
    rowsOf(`${size} enable_large_batch_splitting { value: false } max_execution_batch_size { value: 16 }`),
    [64, 64],
  );
});

Deno.test("parseBatchingParameters() reports invalid values with their place", () => {
  const cases: [string, string][] = [
    ["max_batch_size {}", "max_batch_size must be positive; was 0"],
    ["max_enqueued_batches { value: 0 }", "max_enqueued_batches must be positive; was 0"],
    ["num_batch_threads { value: -1 }", "num_batch_threads must be positive; was -1"],
    ["batch_timeout_micros { value: -5 }", "batch_timeout_micros must be non-negative; was -5"],
    [
      "allowed_batch_sizes: 4",
      "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 1000",
    ],
    ["allowed_batch_sizes: [0, 1000]", "allowed_batch_sizes entries must be monotonically increasing"],
    ["allowed_batch_sizes: [8, 4, 1000]", "allowed_batch_sizes entries must be monotonically increasing"],
    [
      "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 2000 }",
      "max_batch_size must be greater than or equal to max_execution_batch_size; was 1000",
    ],
    ["max_batch_size: 128", "expected { … } behind max_batch_size, found 128"],
    [
      "max_batch_size { value: 1.5 }",
      "expected a whole number from -9007199254740991 to 9007199254740991 for value, found 1.5",
    ],
    ["pad_variable_length_inputs: maybe", "expected true or false for pad_variable_length_inputs"],
    [
      "max_batchsize { value: 1 }",
      'BatchingParameters has no field "max_batchsize", it has max_batch_size, ' +
      "batch_timeout_micros, max_enqueued_batches, num_batch_threads, thread_pool_name, enable_large_batch_splitting, " +
      "max_execution_batch_size, allowed_batch_sizes, pad_variable_length_inputs",
    ],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseBatchingParameters(`\n${text}`), (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.message, message);
      assert.equal(error.place?.line, 2);
      return true;
    });
  }
});

Deno.test("readBatching() reads the file for all models, and reports an invalid one with the place", async () => {
  const folder = await Deno.makeTempDir();
  const read = (parametersPath: string | undefined) => readBatching({ parametersPath, isPerModel: false });
  try {
    assert.deepEqual(await read(undefined), { options: DEFAULTS, isPerModel: false });
    const path = join(folder, "batching.txt");
    await assert.rejects(read(path), {
      code: CODE.INVALID_ARGUMENT,
      message: "Cannot find batching.txt",
      detail: `Cannot find ${path}`,
    });
    await Deno.writeTextFile(path, "batch_timeout_micros { value: 2000 }");
    assert.deepEqual(await read(path), { options: { ...DEFAULTS, batchTimeoutMs: 2 }, isPerModel: false });
    await Deno.writeTextFile(path, "max_batch_size { value: 8 }\nnum_batch_threads { value: 0 }");
    await assert.rejects(read(path), {
      code: CODE.INVALID_ARGUMENT,
      message: "batching.txt:2:1: num_batch_threads must be positive; was 0",
      detail: `${path}:2:1: num_batch_threads must be positive; was 0`,
    });
    await assert.rejects(read(folder), {
      message: `Cannot read ${basename(folder)}`,
      detail: new RegExp(`^Cannot read ${folder}: `),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("batchingOptionsOf() reads a version's own file if enabled, the number of threads aside", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const options = { ...DEFAULTS, batchRowsMax: 7, batchesAtOnceMax: 3 };
    const ownPath = join(folder, "batching_params.pbtxt");
    assert.deepEqual(await batchingOptionsOf(ownPath, { options, isPerModel: false }), options);
    assert.equal(await batchingOptionsOf(undefined, { options, isPerModel: true }), undefined);
    await Deno.writeTextFile(
      ownPath,
      "max_batch_size { value: 8 } num_batch_threads { value: 9 }",
    );
    assert.deepEqual(await batchingOptionsOf(ownPath, { options, isPerModel: true }), {
      ...DEFAULTS,
      requestRowsMax: 8,
      batchRowsMax: 8,
      batchesAtOnceMax: 3,
    });
    assert.deepEqual(await batchingOptionsOf(ownPath, { options, isPerModel: false }), options);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
