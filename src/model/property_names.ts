/**
 * Properties of OpenVINO 2021 and older, as users of ie_serving have them in `plugin_config`, in the names of today.
 *
 * @module
 */

/** What became of a property. */
interface Successor {
  readonly name: string;
  /** Returns the value of today; undefined for a value the property never had. */
  readonly translate: (value: string) => string | undefined;
}

const WHOLE_NUMBER = /^\d+$/;

/** Streams of a device: a number, or what the device chooses. */
const STREAMS: Successor = {
  name: "NUM_STREAMS",
  translate: (value) => {
    // Streams were off with 0: all cores inferred one request.
    if (value === "0") return "1";
    if (WHOLE_NUMBER.test(value)) return value;
    return /^(?:CPU|GPU)_THROUGHPUT_(AUTO|NUMA)$/.exec(value)?.[1];
  },
};

/** Which cores a thread may run on. OpenVINO decides today how it pins threads, not where. */
const PINNING: Successor = {
  name: "ENABLE_CPU_PINNING",
  translate: (value) => ({ NO: "NO", NONE: "NO", YES: "YES", CORE: "YES", NUMA: "YES", HYBRID_AWARE: "YES" })[value],
};

/** By the name of OpenVINO 2021 (its `ie_plugin_config.hpp` and `cpu_config.hpp`). */
const SUCCESSORS: ReadonlyMap<string, Successor> = new Map([
  ["CPU_THROUGHPUT_STREAMS", STREAMS],
  ["GPU_THROUGHPUT_STREAMS", STREAMS],
  ["CPU_THREADS_NUM", {
    name: "INFERENCE_NUM_THREADS",
    translate: (value) => WHOLE_NUMBER.test(value) ? value : undefined,
  }],
  ["CPU_BIND_THREAD", PINNING],
  ["AFFINITY", PINNING],
  ["ENFORCE_BF16", {
    name: "INFERENCE_PRECISION_HINT",
    translate: (value) => ({ YES: "bf16", NO: "f32" })[value],
  }],
]);

/** Properties in the names of today. */
export interface CurrentProperties {
  readonly properties: ReadonlyMap<string, string>;
  /** A sentence on each that was translated. */
  readonly notes: readonly string[];
}

/** Translates old properties. Properties and values that are unknown stay as they are, for the engine to judge. */
export function currentProperties(properties: ReadonlyMap<string, string>): CurrentProperties {
  const current = new Map<string, string>();
  const notes: string[] = [];
  for (const [name, value] of properties) {
    const successor = SUCCESSORS.get(name);
    const translated = successor?.translate(value);
    if (successor === undefined || translated === undefined) {
      current.set(name, value);
    } else if (properties.has(successor.name)) {
      notes.push(`The property ${name} is ignored, since ${successor.name} replaces it`);
    } else {
      current.set(successor.name, translated);
      notes.push(`The property ${name}=${value} is now ${successor.name}=${translated}`);
    }
  }
  return { properties: current, notes };
}
