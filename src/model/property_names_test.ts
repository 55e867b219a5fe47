import assert from "node:assert/strict";
import { currentProperties } from "./property_names.ts";

function current(properties: Record<string, string>): Record<string, string> {
  return Object.fromEntries(currentProperties(new Map(Object.entries(properties))).properties);
}

Deno.test("currentProperties() translates the properties of OpenVINO 2021", () => {
  assert.deepEqual(current({ CPU_THROUGHPUT_STREAMS: "4", CPU_THREADS_NUM: "8", CPU_BIND_THREAD: "NO" }), {
    NUM_STREAMS: "4",
    INFERENCE_NUM_THREADS: "8",
    ENABLE_CPU_PINNING: "NO",
  });
  assert.deepEqual(current({ CPU_THROUGHPUT_STREAMS: "CPU_THROUGHPUT_AUTO" }), { NUM_STREAMS: "AUTO" });
  assert.deepEqual(current({ CPU_THROUGHPUT_STREAMS: "CPU_THROUGHPUT_NUMA" }), { NUM_STREAMS: "NUMA" });
  assert.deepEqual(current({ CPU_THROUGHPUT_STREAMS: "0" }), { NUM_STREAMS: "1" });
  assert.deepEqual(current({ GPU_THROUGHPUT_STREAMS: "GPU_THROUGHPUT_AUTO" }), { NUM_STREAMS: "AUTO" });
  assert.deepEqual(current({ AFFINITY: "NUMA" }), { ENABLE_CPU_PINNING: "YES" });
  assert.deepEqual(current({ ENFORCE_BF16: "NO" }), { INFERENCE_PRECISION_HINT: "f32" });
});

Deno.test("currentProperties() notes each translation", () => {
  const { notes } = currentProperties(new Map([["CPU_THREADS_NUM", "2"]]));
  assert.deepEqual(notes, ["The property CPU_THREADS_NUM=2 is now INFERENCE_NUM_THREADS=2"]);
});

Deno.test("currentProperties() prefers the name of today where both are given", () => {
  const { properties, notes } = currentProperties(new Map([["NUM_STREAMS", "2"], ["CPU_THROUGHPUT_STREAMS", "4"]]));
  assert.deepEqual([...properties], [["NUM_STREAMS", "2"]]);
  assert.deepEqual(notes, ["The property CPU_THROUGHPUT_STREAMS is ignored, since NUM_STREAMS replaces it"]);
});

Deno.test("currentProperties() leaves unknown properties and values to the engine", () => {
  for (const properties of [{ DYN_BATCH_ENABLED: "YES" }, { CPU_THREADS_NUM: "many" }, { CPU_BIND_THREAD: "MAYBE" }]) {
    assert.deepEqual(current(properties as unknown as Record<string, string>), properties);
  }
});
