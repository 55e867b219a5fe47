import assert from "node:assert/strict";
import { detailOf } from "../base/status.ts";
import { parseMonitoringConfig, readMonitoringConfig } from "./monitoring_config.ts";

Deno.test("parseMonitoringConfig() reads the example of TensorFlow Serving's documentation", () => {
  const text = 'prometheus_config {\n  enable: true,\n  path: "/monitoring/prometheus/metrics"\n}\n';
  assert.deepEqual(parseMonitoringConfig(text), { isEnabled: true, path: "/monitoring/prometheus/metrics" });
});

Deno.test("parseMonitoringConfig() enables metrics only if the text says so", () => {
  for (const text of ["", "prometheus_config {}", "prometheus_config { enable: false }"]) {
    assert.deepEqual(parseMonitoringConfig(text), { isEnabled: false, path: undefined });
  }
});

Deno.test("parseMonitoringConfig() reports mistakes", () => {
  const wrong: [string, RegExp][] = [
    ["prometheus { enable: true }", /MonitoringConfig has no field "prometheus"/],
    ["prometheus_config { enable: 7 }", /expected true or false for enable/],
    ['prometheus_config { path: "metrics" }', /expected a path that begins with a slash, found "metrics"/],
  ];
  for (const [text, message] of wrong) {
    assert.throws(() => parseMonitoringConfig(text), { name: "ConfigError", message });
  }
});

Deno.test("readMonitoringConfig() names the file, and the place in it", async () => {
  await assert.rejects(readMonitoringConfig("/none"), { detail: "Cannot find /none" });
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "\nprometheus_config { enabled: true }");
    await assert.rejects(readMonitoringConfig(path), (error) => detailOf(error).startsWith(`${path}:2:21: `));
  } finally {
    await Deno.remove(path);
  }
});
