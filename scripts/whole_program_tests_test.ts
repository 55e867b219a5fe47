import assert from "node:assert/strict";
import { findWholeProgramTests } from "./whole_program_tests.ts";

Deno.test("findWholeProgramTests() finds tests that start the program, themselves or through a rig, and no others", async () => {
  const found = await findWholeProgramTests();
  for (
    const path of [
      "tests/cli/cli_test.ts",
      "tests/operations/faults/faults_test.ts",
      "tests/operations/soak_test.ts",
      "tests/operations/telemetry/prometheus_test.ts",
    ]
  ) assert(found.includes(path), `${path} is missing`);
  for (const path of ["tests/architecture_test.ts", "tests/transport/http2_fuzz_test.ts"]) {
    assert(!found.includes(path), `${path} does not start the program`);
  }
});
