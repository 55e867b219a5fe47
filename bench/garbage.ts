// deno-lint-ignore-file no-console -- its output is a table for people
/**
 * Measures what requests leave to V8's garbage collector: bytes a request, collections, survivors and pauses.
 *
 *     deno run --allow-all bench/garbage.ts [8x32|1x1] [CALLS]
 *
 * For the places of the allocations, run the server with `deno run --inspect` and take a sampling heap profile in Chrome's DevTools.
 *
 * @module
 */
import { ROOT } from "../scripts/shell.ts";
import { modelArgs, sourceProgram } from "./contenders.ts";
import { Request } from "./h2load.ts";
import { Process } from "./process.ts";

/** One collection in V8's output of `--trace-gc-nvp`; times in milliseconds. */
interface Collection {
  readonly gc: string;
  readonly pause: number;
  readonly allocated: number;
  readonly promoted: number;
  readonly "new_space_survived": number;
}

async function main(): Promise<void> {
  const [bundle = "8x32", count = "200000"] = Deno.args;
  const [connections = 8, streams = 32] = bundle.split("x").map(Number);
  const calls = Number(count);
  const request = new Request({ modelName: "tiny", shape: [1, 1], connections, streams });
  const trace = await Deno.makeTempFile();
  const { command, args: [subcommand = "", ...args] } = sourceProgram(
    modelArgs({ name: "tiny", path: `${ROOT}models/tiny`, file: "" }),
  );
  const deno = [command, subcommand, "--v8-flags=--trace-gc-nvp", ...args];
  const startedMs = performance.now();
  try {
    const span = { fromMs: 0, toMs: 0, cpuSeconds: 0 };
    {
      // V8 writes to standard output, in blocks, the last one when the process ends.
      await using process = await Process.start({ command: "sh", args: ["-c", 'exec "$@" >"$0"', trace, ...deno] });
      const { bytes } = await request.ask(process.port);
      await request.send(process.port, { calls: Math.ceil(calls / 4) }, bytes);
      const before = await process.cpuSeconds();
      span.fromMs = performance.now() - startedMs;
      await request.send(process.port, { calls }, bytes);
      span.toMs = performance.now() - startedMs;
      span.cpuSeconds = await process.cpuSeconds() - before;
    }
    const collections: Collection[] = [];
    for (
      const [, ms, json = ""] of (await Deno.readTextFile(trace)).matchAll(/^\[.*\] +(\d+) ms: GC: (\{.*\})\s*$/gm)
    ) {
      if (Number(ms) >= span.fromMs && Number(ms) <= span.toMs) collections.push(JSON.parse(json));
    }
    report(collections, calls, span.cpuSeconds);
  } finally {
    await Deno.remove(trace);
  }
}

function report(collections: readonly Collection[], calls: number, cpuSeconds: number): void {
  const sum = (amount: (collection: Collection) => number) => collections.reduce((sum, it) => sum + amount(it), 0);
  const allocated = sum((it) => it.allocated);
  const survived = sum((it) => it.promoted + it.new_space_survived);
  const scavenges = collections.filter(({ gc }) => gc === "s").length;
  console.table({
    "bytes a request": Math.round(allocated / calls),
    "scavenges in 100,000 requests": Math.round(scavenges / calls * 1e6) / 10,
    "other collections": collections.length - scavenges,
    "survived, %": Math.round(survived / allocated * 1000) / 10,
    "pauses, % of CPU time": Math.round(sum((it) => it.pause) / cpuSeconds) / 10,
    "CPU time a request, µs": Math.round(cpuSeconds / calls * 1e8) / 100,
  });
}

await main();
