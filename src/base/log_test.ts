import assert from "node:assert/strict";
import { Log, type LogLevel } from "./log.ts";

function rig(format: "json" | "text", level: LogLevel = "info"): { log: Log; lines: string[] } {
  const lines: string[] = [];
  return { log: new Log({ level, format, write: (line) => lines.push(line) }), lines };
}

Deno.test("Log writes an event with its fields as one line of JSON", () => {
  const { log, lines } = rig("json");
  log.warning("version failed", { name: "m", version: 3, error: undefined });
  const [line] = lines;
  assert(line?.endsWith("\n"));
  const { time, ...rest } = JSON.parse(line as string);
  assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(rest, { level: "warning", event: "version failed", name: "m", version: 3 });
});

Deno.test("Log writes text for people, with quotes only if they are needed", () => {
  const { log, lines } = rig("text");
  log.info("server started", { grpc: "0.0.0.0:9000", models: ["a"], note: "two words" });
  assert.match(lines[0] ?? "", /^\S+Z info {4}server started grpc=0\.0\.0\.0:9000 models=\["a"\] note="two words"\n$/);
});

Deno.test("Log leaves out events below its level", () => {
  const { log, lines } = rig("json", "warning");
  log.debug("a");
  log.info("b");
  log.warning("c");
  log.error("d");
  assert.deepEqual(lines.map((line) => JSON.parse(line).event), ["c", "d"]);
});

Deno.test("Log writes repeated warnings a few times, then how many it suppressed", () => {
  const { log, lines } = rig("json");
  for (let i = 0; i < 1000; i++) log.error("request failed", { path: "/a" });
  log.error("request failed", { path: "/b" });
  assert.equal(lines.length, 6);
  for (let i = 0; i < 1000; i++) log.error("request failed", { path: "/c" }, { requestId: String(i) });
  assert.deepEqual(lines.slice(6).map((line) => JSON.parse(line).requestId), ["0", "1", "2", "3", "4"]);
  lines.length = 6;
  for (let i = 0; i < 1000; i++) log.info("version state changed");
  assert.equal(lines.length, 1006, "changes of state are all written");
});

Deno.test("Log.request() writes at any level", () => {
  const { log, lines } = rig("json", "error");
  log.request({ path: "/a", code: "OK" });
  assert.deepEqual({ ...JSON.parse(lines[0] ?? ""), time: "" }, {
    level: "info",
    time: "",
    path: "/a",
    code: "OK",
    event: "request",
  });
});

Deno.test("Log escapes what a terminal would act on, in both formats", () => {
  const hostile = "a\u001b[31m\u009b2J\u202eb\nc";
  for (const format of ["json", "text"] as const) {
    const { log, lines } = rig(format);
    log.warning("request failed", { path: hostile });
    const [line = ""] = lines;
    assert.match(line, /^[^\p{Cc}\p{Bidi_Control}]*\n$/u);
    assert(line.includes("a\\u001b[31m\\u009b2J\\u202eb\\nc"));
  }
});
