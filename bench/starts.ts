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

const NO_BINARY = "OVSERVE_BINARY names no executable";

interface Starter {
  readonly label: string;
  readonly isPeer: boolean;
  readonly absent?: string;
  /** Starts it and waits for an answer, where it has a model. */
  readonly start: (folder: string) => Promise<Round>;
}

/**
 * Starts this server from source and as an executable, and the peers, with a small model, in turn. A cold start of the executable is one that
 * has to unpack its libraries; the file itself is in the system's page cache.
 */
export async function measureStarts(model: BenchModel, { rounds }: { rounds: number }): Promise<readonly Entry[]> {
  const request = new Request({ modelName: model.name, shape: [1, 1], connections: 1, streams: 1 });
  const args = modelArgs(model);
  const starter = (
    label: string,
    program: Program | undefined,
    { isPeer = false, env, absent = NO_BINARY, asks = true }: Options = {},
  ): Starter => ({
    label,
    isPeer,
    ...program === undefined ? { absent } : {},
    start: async (folder) => {
      if (program === undefined) return {};
      const started = performance.now();
      await using process = await Process.start({ ...program, env: env?.(folder) ?? {} });
      if (asks) await request.ask(process.port);
      const startMs = performance.now() - started;
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      return { ...asks ? { startMs } : {}, ...await process.memory() };
    },
  });
  const folder = await Deno.makeTempDir();
  try {
    const nothing = ["--model_config_file", `${folder}/empty.config`];
    await Deno.writeTextFile(`${folder}/empty.config`, "model_config_list {}\n");
    const starters = [
      starter("from source", sourceProgram(args)),
      starter("from source, no model", sourceProgram(nothing), { asks: false }),
      starter("executable, cold", binaryProgram(args), { env: (folder) => ({ OVSERVE_RUNTIME_DIR: folder }) }),
      starter("executable, warm", binaryProgram(args), { env: (folder) => ({ OVSERVE_RUNTIME_DIR: folder }) }),
      starter("executable, no model", binaryProgram(nothing), {
        asks: false,
        env: (folder) => ({ OVSERVE_RUNTIME_DIR: folder }),
      }),
      starter("c++", cppProgram(model, "TINY"), { isPeer: true, absent: NO_CPP_PEER }),
      starter("python", pythonProgram(model), { isPeer: true }),
    ];
    return await inTurn(starters, { rounds, folder });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Options {
  readonly isPeer?: boolean;
  readonly absent?: string;
  /** Whether it is asked, and the time taken; else only its memory is of interest. */
  readonly asks?: boolean;
  /** Variables, given a folder that is empty at the start of each round. */
  readonly env?: (folder: string) => Record<string, string>;
}

async function inTurn(
  starters: readonly Starter[],
  { rounds, folder }: { rounds: number; folder: string },
): Promise<readonly Entry[]> {
  const present = starters.filter(({ absent }) => absent === undefined);
  // The client of this process has its own first time.
  await present[0]?.start(folder);
  const measured = new Map(starters.map((starter): [Starter, Round[]] => [starter, []]));
  for (let round = 0; round < rounds; round++) {
    const ofRound = `${folder}/${round}`;
    await Deno.mkdir(ofRound, { mode: 0o700 });
    for (const starter of present) measured.get(starter)?.push(await starter.start(ofRound));
    await Deno.remove(ofRound, { recursive: true });
  }
  return starters.map((starter) => ({
    label: starter.label,
    isPeer: starter.isPeer,
    rounds: measured.get(starter) ?? [],
    ...starter.absent === undefined ? {} : { absent: starter.absent },
  }));
}
