/**
 * `deno run --allow-all tests/operations/soak/main.ts [SWAPS] [EVERY]`: swaps versions under load (default: 1,000 times) and prints a table
 * with a row for every 100. Ends with 1 when a request fails.
 *
 * @module
 */
import { soak, type SoakRow } from "./swaps.ts";

const [swaps = 1000, every = 100] = Deno.args.map(Number);

say(["swaps", "seconds", "answers", "resident MB", "threads", "versions known"]);
say(Array(6).fill("---:"));
await soak({ swaps, every, onRow: (row) => say(cellsOf(row)) });

function cellsOf({ swaps, seconds, answers, residentMb, threads, statuses }: SoakRow): string[] {
  return [swaps, Math.round(seconds), answers, residentMb.toFixed(1), threads, statuses].map(String);
}

function say(cells: readonly string[]): void {
  // deno-lint-ignore no-console
  console.log(`| ${cells.join(" | ")} |`);
}
