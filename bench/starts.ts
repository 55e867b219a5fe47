/**
 * Measures the time from a process's start to its first answer, and its memory at rest.
 *
 * @module
 */
import {
  type BenchModel,
  binaryProgram,
  cppProgram,
  modelArgs,
  NO_CPP_PEER,
  pythonProgram,
  sourceProgram,
} from "./contenders.ts";
import { Request } from "./h2load.ts";
import { Process, type Program } from "./process.ts";
import type { Entry, Round } from "./report.ts";

/** Rest before the memory is read. */
const REST_MS = 500;

const NO_BINARY = "OVSERVE_BINARY is not set";

/** One program to start. */
interface Starter {
  readonly label: string;
  readonly isPeer: boolean;
  readonly program: Program | undefined;
  /** The reason why there is no program. */
  readonly absent?: string;
}

/**
 * Starts this server from source and as an executable, and the peers, in turn, with a small model. On a cold start the executable unpacks its
 * libraries; the file itself is in the page cache.
 */
export async function measureStarts(model: BenchModel, { rounds }: { rounds: number }): Promise<readonly Entry[]> {
  const request = new Request({ modelName: model.name, shape: [1, 1], connections: 1, streams: 1 });
  const args = modelArgs(model);
  const binary = binaryProgram(args);
  const starters: readonly Starter[] = [
    { label: "from source", isPeer: false, program: sourceProgram(args) },
    { label: "executable, cold", isPeer: false, program: binary, absent: NO_BINARY },
    { label: "executable, warm", isPeer: false, program: binary, absent: NO_BINARY },
    { label: "c++", isPeer: true, program: cppProgram(model, "TINY"), absent: NO_CPP_PEER },
    { label: "python", isPeer: true, program: pythonProgram(model) },
  ];
  return await inTurn(starters, { rounds, use: (port) => request.ask(port) });
}

/** Measures the memory of this server without a model. */
export async function measureIdle({ rounds }: { rounds: number }): Promise<readonly Entry[]> {
  const config = await Deno.makeTempFile({ suffix: ".config" });
  try {
    await Deno.writeTextFile(config, "model_config_list {}\n");
    const args = ["--model_config_file", config];
    const starters: readonly Starter[] = [
      { label: "from source", isPeer: false, program: sourceProgram(args) },
      { label: "executable", isPeer: false, program: binaryProgram(args), absent: NO_BINARY },
    ];
    const entries = await inTurn(starters, { rounds, use: () => Promise.resolve() });
    // Without a model there is no answer, so the start time means nothing.
    return entries.map((entry) => ({ ...entry, rounds: entry.rounds.map(({ startMs: _, ...memory }) => memory) }));
  } finally {
    await Deno.remove(config);
  }
}

/** Starts each program in each round, with a new folder for libraries in each round, and calls `use`. */
async function inTurn(
  starters: readonly Starter[],
  { rounds, use }: { rounds: number; use: (port: number) => Promise<unknown> },
): Promise<readonly Entry[]> {
  const lanes = starters.map(({ label, isPeer, program, absent }) => ({
    program,
    entry: { label, isPeer, rounds: [] as Round[], ...program === undefined && absent !== undefined ? { absent } : {} },
  }));
  // Warms up the client in this process.
  const [first] = lanes;
  if (first?.program !== undefined) await startOnce(first.program, use);
  for (let round = 0; round < rounds; round++) {
    const libraries = await Deno.makeTempDir();
    try {
      for (const { program, entry } of lanes) {
        if (program === undefined) continue;
        const env = { OVSERVE_RUNTIME_DIR: libraries };
        entry.rounds.push(await startOnce({ ...program, env }, use));
      }
    } finally {
      await Deno.remove(libraries, { recursive: true });
    }
  }
  return lanes.map(({ entry }) => entry);
}

async function startOnce(program: Program, use: (port: number) => Promise<unknown>): Promise<Round> {
  const started = performance.now();
  await using process = await Process.start(program);
  await use(process.port);
  const startMs = performance.now() - started;
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  return { startMs, ...await process.memory() };
}
