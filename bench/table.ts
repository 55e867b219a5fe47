/**
 * Formats reports as Markdown tables that are readable in a terminal, too.
 *
 * @module
 */
import {
  bestOfGroups,
  type CaseReport,
  type Entry,
  failuresOf,
  type Figure,
  figureOf,
  FIGURES,
  type Middle,
  ratioOf,
} from "./report.ts";

/** Rows of cells, each as long as the head. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const ALL_FIGURES = Object.keys(FIGURES) as Figure[];
/** The figures whose ratio to a peer's is meaningful. */
const COMPARED: readonly Figure[] = ["rate", "cpuUs", "meanUs", "p50Us", "p99Us", "startMs", "residentMb"];

/** Formats a case: absent and failed contenders, figures, and ratios to the peers. */
export function formatCase(report: CaseReport): string {
  const { name, title, measured, entries } = report;
  const { date, machine, load, rounds, seconds } = measured;
  const parts = [
    `### ${name}: ${title}`,
    `${date}, ${machine}, load ${load}; ${rounds} ${rounds === 1 ? "round" : "rounds"} in ${seconds} s.`,
  ];
  for (const { label, absent } of entries) if (absent !== undefined) parts.push(`${label} is absent: ${absent}.`);
  const notes = entries.flatMap(({ label, note }) => note === undefined ? [] : [`${label} ${note}`]);
  if (notes.length > 0) parts.push(`${notes.join("; ")}.`);
  for (const entry of entries) {
    const failures = failuresOf(entry);
    if (failures > 0) parts.push(`**FAILED: ${failures} calls of ${entry.label} had no answer or a wrong one.**`);
  }
  const present = entries.filter(({ rounds }) => rounds.length > 0);
  parts.push(formatTable(figureTable(report.unit, present)));
  const ratios = ratioTable(present);
  if (ratios.rows.length > 0) parts.push(formatTable(ratios));
  return `${parts.join("\n\n")}\n`;
}

/** Formats a number with its spread, if any: `12,300 ±4 %`. */
export function formatMiddle(middle: Middle | undefined): string {
  if (middle === undefined) return "";
  const number = formatNumber(middle.value);
  return middle.spread === 0 ? number : `${number} ±${Math.round(middle.spread * 100)} %`;
}

/** Formats a number with three digits, or with four and separators from 1,000 on. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 1000) return Number(value.toPrecision(4)).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

function figureTable(unit: string, entries: readonly Entry[]): Table {
  const figures = ALL_FIGURES.filter((figure) => entries.some((entry) => figureOf(entry, figure) !== undefined));
  const heads: Partial<Record<Figure, string>> = { rate: `${unit}s a second`, cpuUs: `CPU µs, ${unit}` };
  return {
    head: ["", ...figures.map((figure) => heads[figure] ?? FIGURES[figure]), "failed"],
    rows: entries.map((entry) => [
      entry.label,
      ...figures.map((figure) => formatMiddle(figureOf(entry, figure))),
      String(failuresOf(entry)),
    ]),
  };
}

/** Ratios are taken within each round, so a disturbance of both contenders cancels out. */
function ratioTable(entries: readonly Entry[]): Table {
  const figures = COMPARED.filter((figure) => entries.some((entry) => figureOf(entry, figure) !== undefined));
  const best = bestOfGroups(entries).map((entry) => ({
    ...entry,
    label: `the best of ${entry.group}, ${entry.label}`,
  }));
  const peers = [...entries.filter(({ isPeer }) => isPeer), ...best];
  const rows = entries.filter(({ isPeer }) => !isPeer).flatMap((ours) =>
    peers.map((peer) => [
      `${ours.label} / ${peer.label}`,
      ...figures.map((figure) => formatMiddle(ratioOf(ours, peer, figure))),
    ])
  ).filter(([, ...cells]) => cells.some((cell) => cell !== ""));
  return { head: ["ratio", ...figures.map((figure) => FIGURES[figure].replace(/ (µs|ms|MB)$/, ""))], rows };
}

/** Formats a Markdown table with aligned columns. */
export function formatTable({ head, rows }: Table): string {
  const widths = head.map((cell, i) => Math.max(4, cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)).join(" | ")} |`;
  const rule = widths.map((width, i) => i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`);
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}
