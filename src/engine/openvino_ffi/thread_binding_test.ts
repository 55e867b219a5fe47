import assert from "node:assert/strict";
import { leaveThreadsUnbound } from "./thread_binding.ts";

const ignore = Deno.build.os !== "linux";

/** Returns the variable's value afterwards, on a machine with these files. */
function after(files: readonly string[], thisSystem?: string): string | undefined {
  const machine = { has: (path: string) => files.includes(path), thisSystem };
  leaveThreadsUnbound(machine);
  return machine.thisSystem;
}

Deno.test({
  name: "leaveThreadsUnbound() stops hwloc from binding where all processors are alike",
  ignore,
  fn: () => assert.equal(after(["/sys/devices/system/node/node0"]), "0"),
});

Deno.test({
  name: "leaveThreadsUnbound() leaves the choice to the runtime where processors differ",
  ignore,
  fn: () => {
    assert.equal(after(["/sys/devices/system/node/node0", "/sys/devices/system/node/node1"]), undefined);
    assert.equal(after(["/sys/devices/cpu_core", "/sys/devices/cpu_atom"]), undefined);
  },
});

Deno.test({
  name: "leaveThreadsUnbound() respects the user's setting",
  ignore,
  fn: () => assert.equal(after([], "1"), "1"),
});
