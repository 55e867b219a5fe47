/**
 * The results of a benchmark run: for each case its contenders, and for each of them one number per round and figure. Tables, ratios and the
 * chart derive from them, so a stored report can be shown again without measuring.
 *
 * @module
 */

/** The figures and their units, in the order of the tables. */
export const FIGURES = {
  /** Number of calls behind the latencies, where the benchmark does not choose it. */
  calls: "calls",
  /** Requests, rows or images a second, by the case's unit. */
  rate: "a second",
  /** CPU time of the contender's process for one unit. */
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

/** One round of one contender. Figures it cannot measure are missing. */
export type Round = Readonly<Partial<Record<Figure, number>>> & {
  /** Calls with no answer, an error, or an answer of another length than the first. */
  readonly failed?: number;
};

/** One contender in one case. */
export interface Entry {
  readonly label: string;
  /** Entries that are no peers are compared with the peers of the case. */
  readonly isPeer: boolean;
  /** Peers of one group are variants of one thing; there is a comparison with the best of them, too. */
  readonly group?: string;
  readonly rounds: readonly Round[];
  /** The reason why there are no rounds. */
  readonly absent?: string;
  /** A remark, such as where it infers. */
  readonly note?: string;
}

/** When, where and how a case was measured. */
export interface Measured {
  /** `2026-11-23`. */
  readonly date: string;
  readonly machine: string;
  /** Load average of the last minute, including the benchmark's own processes. */
  readonly load: number;
  readonly rounds: number;
  /** Duration including starts and warm-up. */
  readonly seconds: number;
}

/** One case. */
export interface CaseReport {
  readonly name: string;
  readonly title: string;
  /** What the rate counts: request, row or image. */
  readonly unit: string;
  readonly measured: Measured;
  readonly entries: readonly Entry[];
}

/** A median and its spread: half the range, relative to the median. */
export interface Middle {
  readonly value: number;
  readonly spread: number;
}

/** Returns the median of numbers; NaN without any. */
export function median(numbers: readonly number[]): Middle {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const value = ((sorted[Math.floor(half)] ?? NaN) + (sorted[Math.ceil(half) - 1] ?? NaN)) / 2;
  return { value, spread: ((sorted.at(-1) ?? NaN) - (sorted[0] ?? NaN)) / 2 / value };
}

/** Returns the median of a figure over the rounds; undefined when no round has it. */
export function figureOf({ rounds }: Entry, figure: Figure): Middle | undefined {
  const numbers = rounds.map((round) => round[figure]).filter((number) => number !== undefined).filter(isFinite);
  return numbers.length === 0 ? undefined : median(numbers);
}

/** Returns the median ratio of a figure to the peer's in the same round; undefined when no round has both. */
export function ratioOf(ours: Entry, peer: Entry, figure: Figure): Middle | undefined {
  const ratios = ours.rounds.flatMap((round, i) => {
    const ratio = (round[figure] ?? NaN) / (peer.rounds[i]?.[figure] ?? NaN);
    return isFinite(ratio) ? [ratio] : [];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

/** Returns the entry with the highest rate of each group. */
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

/** Returns the number of failed calls in all rounds. */
export function failuresOf({ rounds }: Entry): number {
  return rounds.reduce((sum, { failed = 0 }) => sum + failed, 0);
}

/** Merges reports; newer ones replace older ones of the same name. */
export function merge(older: readonly CaseReport[], newer: readonly CaseReport[]): CaseReport[] {
  const byName = new Map([...older, ...newer].map((report) => [report.name, report]));
  return [...byName.values()];
}

/** An entry in JSON: for each figure the numbers of all rounds, null where a round has none. */
type KeptEntry = Omit<Entry, "rounds"> & { readonly rounds: Readonly<Record<string, readonly (number | null)[]>> };

/** Parses the output of {@link formatReports}. */
export function parseReports(text: string): CaseReport[] {
  const { cases } = JSON.parse(text) as { cases: (Omit<CaseReport, "entries"> & { entries: KeptEntry[] })[] };
  return cases.map(({ entries, ...head }) => ({
    ...head,
    entries: entries.map(({ rounds, ...entry }) => ({ ...entry, rounds: roundsOf(rounds) })),
  }));
}

/** Formats reports as JSON with a line for each contender and four digits a number. */
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
