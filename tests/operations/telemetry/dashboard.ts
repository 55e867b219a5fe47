/**
 * deploy/grafana/ovserve.json as Grafana reads it: its panels, and their expressions with the variables filled in.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** A place on Grafana's grid of 24 columns. */
export interface GridPos {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** One expression of a panel. */
export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: { readonly type: string; readonly uid: string };
}

/** A panel. */
export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: GridPos;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly fieldConfig: {
    readonly defaults: { readonly unit: string };
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
  readonly targets: readonly Target[];
}

/** A variable that is chosen above the panels. */
export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly includeAll?: boolean;
  /** What All stands for. Default: all values. */
  readonly allValue?: string;
}

/** The dashboard. */
export interface Dashboard {
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

/** The selection of a variable: some of its values, or all. */
export type Choice = readonly string[] | "all";

/** Grafana's `$__rate_interval` for the interval at which Prometheus looks unless it is told: four times that. */
const RATE_INTERVAL = "1m0s";

/** Reads the dashboard. */
export function readDashboard(): Dashboard {
  return JSON.parse(
    Deno.readTextFileSync(fileURLToPath(new URL("../../../deploy/grafana/ovserve.json", import.meta.url))),
  );
}

/**
 * Fills an expression's variables in as Grafana does for Prometheus: several values are alternatives of a regular expression, whose
 * backslashes stand in a string.
 *
 * @param choices by variable: what is chosen, and the values there are.
 */
export function interpolate(
  expr: string,
  choices: ReadonlyMap<
    string,
    { readonly chosen: Choice; readonly values: readonly string[]; readonly allValue?: string }
  >,
): string {
  return expr.replace(/\$(\w+)|\$\{(\w+)\}/g, (variable, plain: string | undefined, braced: string | undefined) => {
    const name = plain ?? braced ?? "";
    if (name === "__rate_interval") return RATE_INTERVAL;
    const choice = choices.get(name);
    if (choice === undefined) throw new Error(`${variable} is no variable of the dashboard`);
    const { chosen, values, allValue } = choice;
    if (chosen === "all" && allValue !== undefined) return allValue;
    const escaped = (chosen === "all" ? values : chosen).map((value) =>
      value.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\\$&`)
    );
    return escaped.length === 1 ? escaped[0] ?? "" : `(${escaped.join("|")})`;
  });
}
