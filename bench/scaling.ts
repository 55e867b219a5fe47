/**
 * What machines of other sizes should give, worked out from what requests were measured to cost. docs/scaling_up.md explains the arithmetic.
 *
 * @module
 */
import { type CaseReport, figureOf } from "./report.ts";
import { formatNumber, formatTable } from "./table.ts";

/** What one request costs. */
export interface Work {
  readonly title: string;
  /** Of the request; replies are small. */
  readonly bytes: number;
  /** CPU time of the serving thread, with the system's part of it. */
  readonly loopUs: number;
  /** CPU time of OpenVINO's threads; 0 when the serving thread infers. */
  readonly inferUs: number;
  /** Bytes of weights that are read for it when they fit no cache. */
  readonly weightBytes: number;
}

/** A machine that does nothing else: its clients are elsewhere. */
export interface Machine {
  readonly cores: number;
  readonly memoryGBs: number;
  readonly networkGbits: number;
}

/** What ends first. */
export type Limit = "cores" | "memory" | "network";

/** What a machine should give. */
export interface Prediction {
  /** Requests a second. */
  readonly rate: number;
  readonly limit: Limit;
  /** Serving threads that takes. */
  readonly threads: number;
  readonly networkGbits: number;
}

/** Machines as they are rented and bought; memory and network are what such machines have at least. */
export const MACHINES: readonly Machine[] = [
  { cores: 8, memoryGBs: 40, networkGbits: 10 },
  { cores: 32, memoryGBs: 150, networkGbits: 25 },
  { cores: 96, memoryGBs: 300, networkGbits: 100 },
];

/** How busy a serving thread may be before requests wait for it. */
const BUSY = 0.8;
/** How often a request's bytes cross the memory bus: written by the network, read and written by the copy, read by the model. */
const CROSSINGS = 4;
/** What Ethernet, IP, TCP, HTTP/2 and gRPC add to large messages, at 1500 bytes a packet. */
const FRAMING = 1.05;

/** The least of what cores, memory and network allow, and what that asks of the others. */
export function predict({ bytes, loopUs, inferUs, weightBytes }: Work, machine: Machine): Prediction {
  const rates: Record<Limit, number> = {
    cores: machine.cores * 1e6 / (loopUs + inferUs),
    memory: machine.memoryGBs * 1e9 / (CROSSINGS * bytes + weightBytes),
    network: machine.networkGbits * 1e9 / 8 / (bytes * FRAMING),
  };
  const limits = (Object.keys(rates) as Limit[]).sort((a, b) => rates[a] - rates[b]);
  const limit = limits[0] ?? "cores";
  const rate = rates[limit];
  const isInLoop = inferUs === 0;
  return {
    rate,
    limit,
    // Where the loop infers, a thread a core is all there is to give.
    threads: isInLoop && limit === "cores" ? machine.cores : Math.max(1, Math.ceil(rate * loopUs / 1e6 / BUSY)),
    networkGbits: rate * bytes * FRAMING * 8 / 1e9,
  };
}

const IMAGE_BYTES = 224 * 224 * 3 * 4;
/** OpenVINO keeps f32 weights as bf16 on CPUs that multiply it; elsewhere they are twice as many bytes. */
const WEIGHT_BYTES: Readonly<Record<string, number>> = { resnet50v1: 51e6, resnet152v1: 120e6 };

/** The works whose costs are in the reports of a run. */
export function worksOf(reports: readonly CaseReport[]): Work[] {
  /** CPU time of one of what the case counts. */
  const cpuUs = (name: string, label: string): number | undefined => {
    const entry = reports.find((report) => report.name === name)?.entries.find((entry) => entry.label === label);
    return entry === undefined ? undefined : figureOf(entry, "cpuUs")?.value;
  };
  const works: Work[] = [];
  const tiny = cpuUs("tiny", "ovserve");
  // The message of the trivial model with its headers.
  if (tiny !== undefined) works.push({ title: "trivial model", bytes: 120, loopUs: tiny, inferUs: 0, weightBytes: 0 });
  for (const batch of [1, 16]) {
    const image = cpuUs(`image-${batch}`, "ovserve");
    if (image === undefined) continue;
    const transport = { bytes: batch * IMAGE_BYTES, loopUs: batch * image };
    const size = batch === 1 ? "602 kB" : "9.6 MB";
    works.push({ title: `${size}, next to no compute`, ...transport, inferUs: 0, weightBytes: 0 });
    for (const [name, weightBytes] of Object.entries(WEIGHT_BYTES)) {
      const infer = cpuUs(`${name}-${batch}`, "benchmark_app");
      if (infer === undefined) continue;
      const title = `${name === "resnet50v1" ? "ResNet-50" : "ResNet-152"} v1, batch ${batch}`;
      works.push({ title, ...transport, inferUs: batch * infer, weightBytes });
    }
  }
  return works;
}

/** The table of docs/scaling_up.md. */
export function formatScaling(reports: readonly CaseReport[]): string {
  const rows = worksOf(reports).map((work) => [
    work.title,
    formatNumber(work.loopUs / 1000),
    formatNumber(work.inferUs / 1000),
    ...MACHINES.map((machine) => {
      const { rate, limit, threads, networkGbits } = predict(work, machine);
      const thread = threads === 1 ? "1 thread" : `${threads} threads`;
      return `${formatNumber(rate)} (${limit}; ${thread}, ${formatNumber(networkGbits)} Gbit/s)`;
    }),
  ]);
  const machines = MACHINES.map(({ cores, memoryGBs, networkGbits }) =>
    `${cores} cores, ${memoryGBs} GB/s, ${networkGbits} Gbit/s`
  );
  return `${formatTable({ head: ["a request", "serving ms", "inference ms", ...machines], rows })}\n`;
}
