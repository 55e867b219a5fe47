/**
 * Keeps OpenVINO's threads from being bound to processors anew for each inference, on machines where that is of no use.
 *
 * TBB, in which OpenVINO's CPU plugin runs, asks the system which processors the calling thread may use, allows it those of the
 * model's arena, and gives it the old ones back after the inference: three system calls, three times what a small model takes to
 * compute. It does so because OpenVINO asks for one thread a core; no property turns that off. hwloc, through which TBB does it,
 * binds nothing once it is told that what it looks at is not the system it runs on.
 *
 * @module
 */
import { fileSystemFacts } from "../../system/libc.ts";

/** Further ones are only there where one of these is. */
const NUMA_NODES_LOOKED_AT = 8;

/** What is asked of the machine; tests give it. */
export interface Machine {
  /** Whether there is something at a path of the system's own files. */
  has(path: string): boolean;
  /** hwloc's variable (its manual, "Environment Variables"): 0 for a topology of another machine, to which nothing is bound. */
  thisSystem: string | undefined;
}

const THIS_MACHINE: Machine = {
  // Deno reads /sys only for programs that may do everything.
  has: (path) => fileSystemFacts(path) !== undefined,
  get thisSystem(): string | undefined {
    return Deno.env.get("HWLOC_THISSYSTEM");
  },
  set thisSystem(value: string) {
    Deno.env.set("HWLOC_THISSYSTEM", value);
  },
};

/**
 * To be called before OpenVINO is opened. Does nothing where processors differ, in distance to memory or in kind, and the runtime is right
 * to choose among them; nor where the user has set the variable.
 */
export function leaveThreadsUnbound(machine: Machine = THIS_MACHINE): void {
  if (Deno.build.os !== "linux" || machine.thisSystem !== undefined) return;
  if (machine.has("/sys/devices/cpu_atom") || hasFarMemory(machine)) return;
  machine.thisSystem = "0";
}

function hasFarMemory(machine: Machine): boolean {
  for (let node = 1; node < NUMA_NODES_LOOKED_AT; node++) {
    if (machine.has(`/sys/devices/system/node/node${node}`)) return true;
  }
  return false;
}
