/**
 * Which figures of which cases stand in the chart.
 *
 * @module
 */
import { drawChart, type Panel, type Tone, type Value } from "./chart.ts";
import { type CaseReport, type Entry, type Figure, figureOf, ratioOf } from "./report.ts";

/** Of contenders that are not ours alone. */
const TONES: Readonly<Record<string, Tone>> = { "c++": "cpp", python: "python", "benchmark_app": "limit" };

const RESNETS = ["resnet50v1", "resnet50v2", "resnet152v1", "resnet152v2"];
const BATCHES = [1, 8, 16, 32];

/** Draws what there is of the cases; a panel without a figure is left out. */
export function drawReports(reports: readonly CaseReport[]): string {
  const cases = new Map(reports.map((report) => [report.name, report]));
  const panels = [...cheapPanels(cases), ...resnetPanels(cases), ...batchingPanels(cases), ...otherPanels(cases)];
  const isEmpty = (panel: Panel) => panel.kind === "bars" ? panel.bars.length === 0 : panel.series.length === 0;
  const distinct = (of: (report: CaseReport) => string | number) => [...new Set(reports.map(of))].join(" or ");
  const subtitle = `${distinct(({ measured }) => measured.machine)}, shared with the clients. ` +
    `Medians of ${distinct(({ measured }) => measured.rounds)} rounds in turn; a thin line shows their spread.`;
  return drawChart("ovserve beside its peers", subtitle, panels.filter((panel) => !isEmpty(panel)));
}

type Cases = ReadonlyMap<string, CaseReport>;

function cheapPanels(cases: Cases): Panel[] {
  const tiny = cases.get("tiny")?.entries;
  const images = [["image-1", "602 kB"], ["image-16", "9.6 MB"]] as const;
  return [
    bars("Trivial model: rate", "requests a second, 256 in flight", tiny, "rate"),
    bars("Trivial model: CPU time", "µs of the server's process a request, 256 in flight", tiny, "cpuUs"),
    columns("Trivial model, one at a time: latency", "µs", cases, [["tiny-one", "p50", "p50Us"], [
      "tiny-one",
      "p99",
      "p99Us",
    ]]),
    columns(
      "Image, next to no compute: rate",
      "images a second, by size of message",
      cases,
      images.map(withFigure("rate")),
    ),
    columns(
      "Image, next to no compute: CPU time",
      "µs of the server's process an image",
      cases,
      images.map(withFigure("cpuUs")),
    ),
    columns(
      "Image, next to no compute: p99",
      "ms until a message is answered",
      cases,
      images.map(withFigure("p99Us")),
      1e-3,
    ),
  ];
}

function resnetPanels(cases: Cases): Panel[] {
  const groups = RESNETS.flatMap((name) => [1, 16].map((batch) => [`${name}-${batch}`, titleOf(name, batch)] as const));
  return [
    {
      ...columns(
        "ResNet-50 v1 over batch sizes: rate",
        "images a second",
        cases,
        BATCHES.map((batch) => [`resnet50v1-${batch}`, `batch ${batch}`, "rate"] as const),
      ),
      isWide: true,
    },
    {
      ...ratioColumns("ResNets: rate as a part of benchmark_app's", "in the same rounds", cases, groups, "rate"),
      line: { at: 1, label: "benchmark_app" },
      isWide: true,
    },
    {
      ...ratioColumns(
        "ResNets: CPU time an image as a part of benchmark_app's",
        "in the same rounds",
        cases,
        groups,
        "cpuUs",
      ),
      line: { at: 1, label: "benchmark_app" },
      isWide: true,
    },
  ];
}

function batchingPanels(cases: Cases): Panel[] {
  const titles = { dense: "64 rows in flight, milliseconds each", mlp: "64 rows in flight, microseconds each" };
  const note = "rows a second; one row a client, or clients x rows a request";
  return Object.entries(titles).map(([name, title]) =>
    bars(title, note, cases.get(`batching-${name}`)?.entries, "rate")
  );
}

function otherPanels(cases: Cases): Panel[] {
  const swaps = ["swap-tiny", "swap-resnet50v1"].flatMap((name) => cases.get(name) ?? []);
  const memory = [["tiny", "trivial"], ["resnet50v1-1", "ResNet-50"], ["resnet152v1-1", "ResNet-152"]] as const;
  const underLoad = columns("Memory under load", "MB resident", cases, memory.map(withFigure("residentMb")));
  return [
    swapPanel(swaps),
    { ...underLoad, series: underLoad.series.filter(({ tone }) => tone !== "variant" && tone !== "second") },
    bars("Start", "ms from the start of the process to the first answer", cases.get("start")?.entries, "startMs"),
    memoryAtRest(cases),
  ];
}

function memoryAtRest(cases: Cases): Panel {
  const idle = (cases.get("idle")?.entries ?? []).map((entry) => ({ ...entry, label: `${entry.label}, no model` }));
  const entries = [...cases.get("start")?.entries ?? [], ...idle];
  return bars("Memory at rest", "MB resident, with the trivial model unless it is said", entries, "residentMb");
}

/** A p99 is of no use beside another model's, so each is shown as a part of its own quiet p99. */
function swapPanel(reports: readonly CaseReport[]): Panel {
  const quietOf = ({ entries }: CaseReport) => entries.find(({ isPeer }) => isPeer);
  const labels = reports[0]?.entries.filter(({ isPeer }) => !isPeer).map(({ label }) => label) ?? [];
  return {
    kind: "columns",
    title: "p99 while versions load, as a part of the quiet p99",
    note: "of clients that go on asking",
    groups: reports.map(({ name }) => name === "swap-tiny" ? "trivial model" : "ResNet-50"),
    series: labels.map((label, i) => ({
      label: i === 0 ? "a new version of it" : "ResNet-152 beside it",
      tone: i === 0 ? "ours" : "variant",
      values: reports.map((report) => {
        const ours = report.entries.find((entry) => entry.label === label);
        const quiet = quietOf(report);
        return ours === undefined || quiet === undefined ? undefined : ratioOf(ours, quiet, "p99Us");
      }),
    })),
    line: { at: 2, label: "twice" },
  };
}

function bars(title: string, note: string, entries: readonly Entry[] | undefined, figure: Figure): Panel {
  const shown = (entries ?? []).flatMap((entry) => {
    const value = figureOf(entry, figure);
    return value === undefined ? [] : [{ label: entry.label, tone: toneOf(entry), ...value }];
  });
  return { kind: "bars", title, note, bars: shown };
}

type Group = readonly [name: string, label: string, figure: Figure];

function withFigure(figure: Figure): (group: readonly [string, string]) => Group {
  return ([name, label]) => [name, label, figure];
}

/** A column for each contender of the cases. */
function columns(
  title: string,
  note: string,
  cases: Cases,
  groups: readonly Group[],
  scale = 1,
): Panel & { kind: "columns" } {
  const present = groups.filter(([name, , figure]) =>
    cases.get(name)?.entries.some((entry) => figureOf(entry, figure) !== undefined)
  );
  const valueOf = ([name, , figure]: Group, label: string): Value | undefined => {
    const entry = cases.get(name)?.entries.find((entry) => entry.label === label);
    const middle = entry === undefined ? undefined : figureOf(entry, figure);
    return middle === undefined ? undefined : { ...middle, value: middle.value * scale };
  };
  return {
    kind: "columns",
    title,
    note,
    groups: present.map(([, label]) => label),
    series: seriesOf(cases, present, valueOf),
  };
}

/** The same, as ratios to benchmark_app. */
function ratioColumns(
  title: string,
  note: string,
  cases: Cases,
  groups: readonly (readonly [string, string])[],
  figure: Figure,
): Panel & { kind: "columns" } {
  const limitOf = (name: string) => cases.get(name)?.entries.find(({ label }) => label === "benchmark_app");
  const present = groups.filter(([name]) => limitOf(name) !== undefined).map(withFigure(figure));
  const valueOf = ([name]: Group, label: string): Value | undefined => {
    const entry = cases.get(name)?.entries.find((entry) => entry.label === label);
    const limit = limitOf(name);
    return entry === undefined || limit === undefined || entry === limit ? undefined : ratioOf(entry, limit, figure);
  };
  return {
    kind: "columns",
    title,
    note,
    groups: present.map(([, label]) => label),
    series: seriesOf(cases, present, valueOf),
  };
}

function seriesOf(
  cases: Cases,
  groups: readonly Group[],
  valueOf: (group: Group, label: string) => Value | undefined,
): (Panel & { kind: "columns" })["series"] {
  const entries = groups.flatMap(([name]) => cases.get(name)?.entries ?? []);
  const byLabel = new Map(entries.map((entry) => [entry.label, entry]));
  return [...byLabel.values()].map((entry) => ({
    label: entry.label,
    tone: toneOf(entry),
    values: groups.map((group) => valueOf(group, entry.label)),
  })).filter(({ values }) => values.some((value) => value !== undefined));
}

/** Ours in its own colour, what is ours with another setting or used otherwise paler. */
function toneOf({ label, isPeer }: Entry): Tone {
  if (/^2 workers|cold/.test(label)) return "second";
  return TONES[label] ?? (isPeer || /worker|no model|source/.test(label) ? "variant" : "ours");
}

function titleOf(name: string, batch: number): string {
  const [, layers, version] = /resnet(\d+)(v\d)/.exec(name) ?? [];
  return `${layers} ${version} × ${batch}`;
}
