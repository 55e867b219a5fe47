// deno-lint-ignore-file no-console -- its output is tables for people
/**
 * `deno task bench`: this server beside its peers on the models of the benchmark. `--help` tells the options.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { installPythonPackages } from "../scripts/python_environment.ts";
import { installRuntime } from "../scripts/setup.ts";
import { exists, ROOT, run } from "../scripts/shell.ts";
import { allCases, type Case, type Effort, MODELS } from "./cases.ts";
import { drawReports } from "./panels.ts";
import { Process } from "./process.ts";
import { type CaseReport, failuresOf, formatReports, merge, parseReports } from "./report.ts";
import { formatScaling } from "./scaling.ts";
import { formatCase } from "./table.ts";

const HELP = `Usage: deno task bench [options] [cases]

Runs this server and its peers in turn and prints, for each case, figures (median of the rounds ± half the range) and ratios.

  --rounds N       how many rounds (5)
  --quick          one round, a quarter as long: whether it works, not how fast it is
  --list           the names of the cases
  --json FILE      keep the figures; cases that are in the file and not measured now stay
  --from FILE      show kept figures, measure nothing
  --svg FILE       draw the figures: those of --json or --from, all of them
  --markdown FILE  write the tables, of the same figures
  --scale          say what machines of 8, 32 and 96 cores should give, by the same figures (docs/scaling_up.md)

A case's name may end with * for all that begin so. Needs h2load (Debian's nghttp2-client).
OVSERVE_BINARY=FILE       measure this executable, and its cold and warm start
OVSERVE_CPP_PEER=PROGRAM  a C++ peer, started as PROGRAM MODEL.xml PORT THROUGHPUT|LATENCY|TINY
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
      markdown: { type: "string" },
      scale: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  if (values.list) return allCases().forEach(({ name, title }) => console.log(`${name.padEnd(16)} ${title}`));
  const show = async (reports: readonly CaseReport[]) => {
    if (values.json !== undefined) await Deno.writeTextFile(values.json, formatReports(reports));
    if (values.svg !== undefined) await Deno.writeTextFile(values.svg, drawReports(reports));
    if (values.markdown !== undefined) await Deno.writeTextFile(values.markdown, reports.map(formatCase).join("\n"));
  };
  if (values.from !== undefined) {
    const reports = parseReports(await Deno.readTextFile(values.from));
    if (values.scale) console.log(formatScaling(reports));
    else for (const report of reports) console.log(formatCase(report));
    return await show(reports);
  }
  const cases = chosen(allCases(), positionals);
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds must be a whole number from 1: ${values.rounds}`);
  }
  if (await run("h2load", ["--version"]) === undefined) {
    throw new Error("There is no h2load: apt-get install nghttp2-client");
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
      // The other cases are worth having all the same.
      console.error(`### ${chosenCase.name} COULD NOT BE MEASURED\n\n`, thrown);
      Deno.exitCode = 1;
    }
    // After each case, so that a run that is stopped has not been for nothing.
    await show(reports);
  }
  if (values.scale) console.log(formatScaling(reports));
}

function chosen(cases: readonly Case[], names: readonly string[]): readonly Case[] {
  if (names.length === 0) return cases;
  const matches = ({ name }: Case, wanted: string) =>
    wanted.endsWith("*") ? name.startsWith(wanted.slice(0, -1)) : name === wanted;
  const unknown = names.filter((wanted) => !cases.some((it) => matches(it, wanted)));
  if (unknown.length > 0) throw new Error(`There is no case ${unknown.join(", ")}: --list tells their names`);
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
