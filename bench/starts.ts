/**
 * How soon a process answers after it is started, and what memory it takes when it has nothing to do.
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

/** How long a process rests before its memory is read. */
const REST_MS = 500;

/** Why there is no executable. */
const NO_BINARY = "OVSERVE_BINARY names none";

/** What is started. */
interface Starter {
  readonly label: string;
  readonly isPeer: boolean;
  readonly program: Program | undefined;
  /** Why there is no program. */
  readonly absent?: string;
}

/**
 * Starts this server from source and as an executable, and the peers, with a small model, in turn. A cold start of the executable is one that
 * has to unpack its libraries; the file itself is in the system's page cache.
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

/** Memory of this server while it has no model. */
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
    // Listening is not answering, so how long it took says nothing.
    return entries.map((entry) => ({ ...entry, rounds: entry.rounds.map(({ startMs: _, ...memory }) => memory) }));
  } finally {
    await Deno.remove(config);
  }
}

/** Starts each in each round, in folders for libraries that are new in each round, and uses it. */
async function inTurn(
  starters: readonly Starter[],
  { rounds, use }: { rounds: number; use: (port: number) => Promise<unknown> },
): Promise<readonly Entry[]> {
  const lanes = starters.map(({ label, isPeer, program, absent }) => ({
    program,
    entry: { label, isPeer, rounds: [] as Round[], ...program === undefined && absent !== undefined ? { absent } : {} },
  }));
  // The client of this process has its own first time.
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
