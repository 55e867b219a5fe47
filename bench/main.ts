// deno-lint-ignore-file no-console -- its output is tables for people
/**
 * `deno task bench`: compares this server with its peers on the benchmark's models. `--help` lists the options.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { installPythonPackages } from "../scripts/python_environment.ts";
import { installRuntime } from "../scripts/setup.ts";
import { exists, ROOT, run } from "../scripts/shell.ts";
import { allCases, type Case, type Effort, MODELS } from "./cases.ts";
import { drawChart } from "./chart.ts";
import { Process } from "./process.ts";
import { type CaseReport, failuresOf, formatReports, merge, parseReports } from "./report.ts";
import { formatCase } from "./table.ts";

const HELP = `Usage: deno task bench [options] [cases]

Runs this server and its peers in turn and prints figures and ratios for each case: the median of all rounds ± half the range.
All cases take about half an hour. A case name may end with * to match all names with that prefix.

  --rounds N   rounds for each case (default: 5)
  --quick      one round at a quarter of the length; checks that the bench works, not how fast the server is
  --list       list the cases
  --json FILE  write the figures; cases in the file that are not measured now stay
  --from FILE  print the tables of a file that --json wrote, and measure nothing
  --svg FILE   draw the chart of all figures of --json or --from

Needs h2load (Debian package nghttp2-client).

  OVSERVE_BINARY=FILE       measure this executable instead of the source, and its cold and warm start
  OVSERVE_CPP_PEER=PROGRAM  a C++ peer, started as PROGRAM MODEL.xml PORT THROUGHPUT|LATENCY|TINY
  OVSERVE_TRITON=PROGRAM    a Triton, started as PROGRAM MODEL_NAME PORT
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      json: { type: "string" },
      from: { type: "string" },
      svg: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  if (values.list) return allCases().forEach(({ name, title }) => console.log(`${name.padEnd(16)} ${title}`));
  const show = async (reports: readonly CaseReport[]) => {
    if (values.json !== undefined) await Deno.writeTextFile(values.json, formatReports(reports));
    if (values.svg !== undefined) await Deno.writeTextFile(values.svg, drawChart(reports));
  };
  if (values.from !== undefined) {
    const reports = parseReports(await Deno.readTextFile(values.from));
    for (const report of reports) console.log(formatCase(report));
    return await show(reports);
  }
  const cases = chosen(allCases(), positionals);
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds must be a positive integer: ${values.rounds}`);
  }
  if (await run("h2load", ["--version"]) === undefined) {
    throw new Error("h2load not found: apt-get install nghttp2-client");
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      Process.endAll();
      Deno.exit(1);
    });
  }
  await makeModels();
  const kept = values.json !== undefined && await exists(values.json)
    ? await Deno.readTextFile(values.json)
    : undefined;
  let reports = kept === undefined ? [] : parseReports(kept);
  for (const chosenCase of cases) {
    try {
      const report = await measure(chosenCase, { rounds, haste: values.quick ? 0.25 : 1 });
      console.log(formatCase(report));
      reports = merge(reports, [report]);
      if (report.entries.some((entry) => failuresOf(entry) > 0)) Deno.exitCode = 1;
    } catch (thrown) {
      // One failed case does not stop the others.
      console.error(`### ${chosenCase.name} FAILED\n\n`, thrown);
      Deno.exitCode = 1;
    }
    // After each case, so that an interrupted run keeps its results.
    await show(reports);
  }
}

function chosen(cases: readonly Case[], names: readonly string[]): readonly Case[] {
  if (names.length === 0) return cases;
  const matches = ({ name }: Case, wanted: string) =>
    wanted.endsWith("*") ? name.startsWith(wanted.slice(0, -1)) : name === wanted;
  const unknown = names.filter((wanted) => !cases.some((it) => matches(it, wanted)));
  if (unknown.length > 0) throw new Error(`Unknown case ${unknown.join(", ")}: --list shows all names`);
  return cases.filter((it) => names.some((wanted) => matches(it, wanted)));
}

async function measure({ name, title, unit, measure }: Case, effort: Effort): Promise<CaseReport> {
  const start = performance.now();
  const entries = await measure(effort);
  const seconds = Math.round((performance.now() - start) / 1000);
  const measured = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${navigator.hardwareConcurrency} CPUs, ${await cpuModel()}`,
    load: Number(Deno.loadavg()[0]?.toFixed(1)),
    rounds: effort.rounds,
    seconds,
  };
  return { name, title, unit, measured, entries };
}

async function cpuModel(): Promise<string> {
  const cpus = (await run("cat", ["/proc/cpuinfo"]))?.stdout ?? "";
  return /^model name\s*: (.+)$/m.exec(cpus)?.[1] ?? Deno.build.arch;
}

async function makeModels(): Promise<void> {
  await installRuntime();
  await installPythonPackages();
  await Deno.mkdir(MODELS, { recursive: true });
  const made = await run(`${ROOT}.ovserve/python/bin/python`, [`${ROOT}bench/models.py`, MODELS]);
  if (!made?.success) throw new Error(`bench/models.py failed:\n${made?.output}`);
}

await main();
