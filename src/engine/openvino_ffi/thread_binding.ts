/**
 * Stops TBB from binding OpenVINO's threads to processors again for each inference, on machines where that gains nothing.
 *
 * OpenVINO's CPU plugin runs in TBB. TBB reads the affinity of the calling thread, sets that of the model's arena, and restores the
 * old one after the inference. These three system calls take three times as long as a small model. TBB does so because OpenVINO asks
 * for one thread a core, and no property turns that off. TBB binds through hwloc, which binds nothing once it believes that the
 * topology it has is not of the system it runs on.
 *
 * @module
 */
import { fileSystemFacts } from "../../system/libc.ts";

/** A machine with more nodes has one of these too. */
const NUMA_NODES_MAX = 8;

/** The facts of a machine that matter here; tests replace them. */
export interface Machine {
  /** Whether a path exists among the system's own files. */
  has(path: string): boolean;
  /** hwloc's variable (its manual, "Environment Variables"): 0 for a topology of another machine, to which nothing is bound. */
  thisSystem: string | undefined;
}

const THIS_MACHINE: Machine = {
  // Deno reads /sys only for programs with all permissions.
  has: (path) => fileSystemFacts(path) !== undefined,
  get thisSystem(): string | undefined {
    return Deno.env.get("HWLOC_THISSYSTEM");
  },
  set thisSystem(value: string) {
    Deno.env.set("HWLOC_THISSYSTEM", value);
  },
};

/**
 * Turns the binding off; must be called before OpenVINO is opened. Does nothing where processors differ in kind or in distance to
 * memory, where binding is useful, nor if the user has set the variable.
 */
export function leaveThreadsUnbound(machine: Machine = THIS_MACHINE): void {
  if (Deno.build.os !== "linux" || machine.thisSystem !== undefined) return;
  if (machine.has("/sys/devices/cpu_atom") || hasFarMemory(machine)) return;
  machine.thisSystem = "0";
}

function hasFarMemory(machine: Machine): boolean {
  for (let node = 1; node < NUMA_NODES_MAX; node++) {
    if (machine.has(`/sys/devices/system/node/node${node}`)) return true;
  }
  return false;
}
