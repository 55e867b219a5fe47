/** deploy/grafana/ovserve.json has the form that Grafana documents for a dashboard's JSON model, and holds together. */
import assert from "node:assert/strict";
import { type GridPos, interpolate, readDashboard } from "./dashboard.ts";

/** Grafana's grid. */
const COLUMNS = 24;
/** Panels that are part of Grafana itself, and units it has names for, as far as they are used here. */
const PANEL_TYPES: readonly string[] = ["stat", "table", "timeseries"];
const UNITS: readonly string[] = ["short", "reqps", "s", "percentunit", "bytes", "Bps"];

const { title, schemaVersion, panels, templating: { list: variables } } = readDashboard();

function overlap(one: GridPos, other: GridPos): boolean {
  return one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h;
}

Deno.test("the dashboard's panels are of Grafana's kinds, each with a name, a unit and its own place", () => {
  assert(title.length > 0 && schemaVersion >= 39);
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  assert.equal(new Set(panels.map((panel) => panel.title)).size, panels.length);
  for (const { title, type, gridPos, fieldConfig: { defaults, overrides }, targets } of panels) {
    assert(PANEL_TYPES.includes(type), `${title}: ${type}`);
    assert(UNITS.includes(defaults.unit), `${title}: ${defaults.unit}`);
    const { x, y, w, h } = gridPos;
    assert(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= COLUMNS, `${title} lies outside of the grid`);
    const others = panels.filter((panel) => panel.title !== title && overlap(panel.gridPos, gridPos));
    assert.deepEqual(others.map((panel) => panel.title), [], `${title} overlaps`);
    for (const { matcher, properties } of overrides) {
      assert.equal(matcher.id, "byFrameRefID");
      assert(targets.some(({ refId }) => refId === matcher.options), `${title} changes ${matcher.options}`);
      const units = properties.filter(({ id }) => id === "unit").map(({ value }) => value as string);
      assert(units.every((unit) => UNITS.includes(unit)), `${title}: ${units}`);
    }
  }
  const lowest = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h));
  const area = panels.reduce((sum, { gridPos: { w, h } }) => sum + w * h, 0);
  assert.equal(area, COLUMNS * lowest, "there are gaps");
});

Deno.test("the dashboard queries the selected data source, with variables that it defines", () => {
  const chosen = { type: "prometheus", uid: "${datasource}" };
  assert.deepEqual(variables.map(({ name, type }) => [name, type]), [
    ["datasource", "datasource"],
    ["instance", "query"],
    ["model", "query"],
  ]);
  assert.equal(variables[0]?.query, "prometheus");
  const choices = new Map(variables.map(({ name }) => [name, { chosen: "all", values: ["x"] } as const]));
  for (const { title, datasource, targets } of panels) {
    assert.deepEqual(datasource, chosen, title);
    assert(targets.length > 0, title);
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    for (const { expr, datasource: own } of targets) {
      assert.deepEqual(own, chosen, title);
      assert.doesNotMatch(interpolate(expr, choices), /\$/, title);
      assert.match(expr, /instance=~"\$instance"/, `${title} is not of the instances that are chosen`);
    }
  }
});

Deno.test("interpolate() fills variables in as Grafana does for Prometheus", () => {
  const values = ["10.0.0.1:9100", "b"];
  const fill = (chosen: "all" | string[], allValue?: string) =>
    interpolate(
      'up{instance=~"$instance"}[$__rate_interval]',
      new Map([["instance", {
        chosen,
        values,
        ...(allValue !== undefined && { allValue }),
      }]]),
    );
  assert.equal(fill(["b"]), 'up{instance=~"b"}[1m0s]');
  assert.equal(fill(["10.0.0.1:9100"]), String.raw`up{instance=~"10\\.0\\.0\\.1:9100"}[1m0s]`);
  assert.equal(fill("all"), String.raw`up{instance=~"(10\\.0\\.0\\.1:9100|b)"}[1m0s]`);
  assert.equal(fill("all", ".*"), 'up{instance=~".*"}[1m0s]');
  assert.throws(() => interpolate("$other", new Map()), /\$other is no variable/);
});
