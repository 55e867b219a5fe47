/**
 * Memory and threads of a process, from Linux's /proc.
 *
 * @module
 */

/** Resident memory of a process in bytes (proc(5)). */
export async function residentBytes(pid: number): Promise<number> {
  return await statusOf(pid, /VmRSS:\s+(\d+) kB/) * 1024;
}

/** How many threads a process has. */
export async function threadCount(pid: number): Promise<number> {
  return await statusOf(pid, /Threads:\s+(\d+)/);
}

async function statusOf(pid: number, field: RegExp): Promise<number> {
  // Deno itself reads /proc only with every permission.
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  return Number(field.exec(new TextDecoder().decode(stdout))?.[1]);
}
