/**
 * What a run of the benchmark found: for each case the contenders, for each of them a number a round for each figure. All else, the
 * tables, the ratios and the chart, is worked out from it, so a report that was kept can be shown again without measuring.
 *
 * @module
 */

/** The figures and their units, in the order of the tables. */
export const FIGURES = {
  /** How many the latencies are of, where that is not for the benchmark to choose. */
  calls: "calls",
  /** Requests, rows or images a second, as the case says. */
  rate: "a second",
  /** CPU time of the contender's process for one of them. */
  cpuUs: "CPU µs",
  meanUs: "mean µs",
  p50Us: "p50 µs",
  p99Us: "p99 µs",
  /** From the start of the process to its first answer. */
  startMs: "start ms",
  residentMb: "resident MB",
  peakMb: "peak MB",
} as const;

/** The name of a figure. */
export type Figure = keyof typeof FIGURES;

/** One round of one contender. A figure it cannot give is left out. */
export type Round = Readonly<Partial<Record<Figure, number>>> & {
  /** Calls that got no answer, another answer than the first, or an error. */
  readonly failed?: number;
};

/** One contender in one case. */
export interface Entry {
  readonly label: string;
  /** Ours are compared with the peers of the same case. */
  readonly isPeer: boolean;
  /** Peers that are variants of one thing: ours are compared with the best of them too. */
  readonly group?: string;
  readonly rounds: readonly Round[];
  /** Why there are no rounds. */
  readonly absent?: string;
  /** What is worth knowing of how it worked. */
  readonly note?: string;
}

/** When, where and how much was measured. */
export interface Measured {
  /** `2026-11-23`. */
  readonly date: string;
  readonly machine: string;
  /** What was waiting for the CPUs in the minute before the end, the benchmark's own processes with it. */
  readonly load: number;
  readonly rounds: number;
  /** How long it took, with starting and warming up. */
  readonly seconds: number;
}

/** One case. */
export interface CaseReport {
  readonly name: string;
  readonly title: string;
  /** What is counted: a request, a row, an image. */
  readonly unit: string;
  readonly measured: Measured;
  readonly entries: readonly Entry[];
}

/** A middle and how far numbers lie around it: half the distance of the least and the greatest, as a part of the middle. */
export interface Middle {
  readonly value: number;
  readonly spread: number;
}

/** The median of numbers, NaN of none. */
export function median(numbers: readonly number[]): Middle {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const value = ((sorted[Math.floor(half)] ?? NaN) + (sorted[Math.ceil(half) - 1] ?? NaN)) / 2;
  return { value, spread: ((sorted.at(-1) ?? NaN) - (sorted[0] ?? NaN)) / 2 / value };
}

/** The median of a figure over the rounds; undefined when no round has it. */
export function figureOf({ rounds }: Entry, figure: Figure): Middle | undefined {
  const numbers = rounds.map((round) => round[figure]).filter((number) => number !== undefined).filter(isFinite);
  return numbers.length === 0 ? undefined : median(numbers);
}

/** The median over rounds of a figure divided by the peer's in the same round; undefined when no round has both. */
export function ratioOf(ours: Entry, peer: Entry, figure: Figure): Middle | undefined {
  const ratios = ours.rounds.flatMap((round, i) => {
    const ratio = (round[figure] ?? NaN) / (peer.rounds[i]?.[figure] ?? NaN);
    return isFinite(ratio) ? [ratio] : [];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

/** The one with the highest rate of each group. */
export function bestOfGroups(entries: readonly Entry[]): Entry[] {
  const rateOf = (entry: Entry) => figureOf(entry, "rate")?.value ?? 0;
  const best = new Map<string, Entry>();
  for (const entry of entries) {
    if (entry.group === undefined) continue;
    const sofar = best.get(entry.group);
    if (sofar === undefined || rateOf(entry) > rateOf(sofar)) best.set(entry.group, entry);
  }
  return [...best.values()];
}

/** How many calls failed in all rounds. */
export function failuresOf({ rounds }: Entry): number {
  return rounds.reduce((sum, { failed = 0 }) => sum + failed, 0);
}

/** The reports of cases, the newer ones in place of those with the same name. */
export function merge(older: readonly CaseReport[], newer: readonly CaseReport[]): CaseReport[] {
  const byName = new Map([...older, ...newer].map((report) => [report.name, report]));
  return [...byName.values()];
}

/** An entry as it is kept: for each figure the numbers of all rounds, null where a round has none. */
type KeptEntry = Omit<Entry, "rounds"> & { readonly rounds: Readonly<Record<string, readonly (number | null)[]>> };

/** Reads what {@link formatReports} wrote. */
export function parseReports(text: string): CaseReport[] {
  const { cases } = JSON.parse(text) as { cases: (Omit<CaseReport, "entries"> & { entries: KeptEntry[] })[] };
  return cases.map(({ entries, ...head }) => ({
    ...head,
    entries: entries.map(({ rounds, ...entry }) => ({ ...entry, rounds: roundsOf(rounds) })),
  }));
}

/** JSON with a line for each contender, numbers with four digits. */
export function formatReports(reports: readonly CaseReport[]): string {
  const shorten = (_: string, value: unknown) => typeof value === "number" ? Number(value.toPrecision(4)) : value;
  const cases = reports.map(({ entries, ...head }) => {
    const lines = entries.map(({ rounds, ...entry }) =>
      `    ${JSON.stringify({ ...entry, rounds: columnsOf(rounds) }, shorten)}`
    );
    return `  ${JSON.stringify(head).slice(0, -1)}, "entries": [\n${lines.join(",\n")}\n  ]}`;
  });
  return `{"cases": [\n${cases.join(",\n")}\n]}\n`;
}

function columnsOf(rounds: readonly Round[]): KeptEntry["rounds"] {
  const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))] as (keyof Round)[];
  return Object.fromEntries(names.map((name) => [name, rounds.map((round) => round[name] ?? null)]));
}

function roundsOf(columns: KeptEntry["rounds"]): Round[] {
  const count = Math.max(0, ...Object.values(columns).map(({ length }) => length));
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(
      Object.entries(columns).flatMap(([name, numbers]) => {
        const number = numbers[i] ?? null;
        return number === null ? [] : [[name, number]];
      }),
    ));
}
