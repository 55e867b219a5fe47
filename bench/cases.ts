/**
 * The benchmark's cases: a load and its contenders.
 *
 * @module
 */
import { ROOT } from "../scripts/shell.ts";
import { compare } from "./compare.ts";
import type { Contender } from "./contender.ts";
import { benchmarkApp, type BenchModel, cppPeer, ovserve, ovserveRest, pythonPeer, triton } from "./contenders.ts";
import type { Load } from "./h2load.ts";
import type { Entry } from "./report.ts";
import { measureIdle, measureStarts } from "./starts.ts";
import { measureSwaps } from "./swaps.ts";

/** The folder of the models that bench/models.py makes. */
export const MODELS = `${ROOT}.ovserve/bench/models`;

/** How much to measure. */
export interface Effort {
  readonly rounds: number;
  /** Factor for the seconds of each round. */
  readonly haste: number;
}

/** One case. */
export interface Case {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  measure(effort: Effort): Promise<readonly Entry[]>;
}

/** Length of a round for a cheap model. */
const ROUND_SECONDS = 1.5;
const IMAGE = [224, 224, 3];
/** Four calls in flight for two OpenVINO streams, so that a stream that finishes finds the next call waiting. */
const FEW = { connections: 2, streams: 2 };

function benchModel(name: string, folder = MODELS, file = "model.xml"): BenchModel {
  return { name, path: `${folder}/${name}`, file: `${folder}/${name}/1/${file}` };
}

const TINY = benchModel("tiny", `${ROOT}models`, "tiny.xml");

/** All cases, in the order of the tables. */
export function allCases(): Case[] {
  return [
    ...trivialCases(),
    ...imageCases(),
    ...protocolCases(),
    ...resnetCases(),
    ...batchingCases(benchModel("dense"), "a model that reads 130 MB of weights for each batch"),
    ...batchingCases(benchModel("mlp"), "a model of microseconds a row"),
    swaps(TINY, { ...FEW, modelName: "tiny", shape: [1, 1] }),
    // As many calls as streams: nothing queues while no version changes.
    swaps(benchModel("resnet50v1"), { connections: 2, streams: 1, modelName: "resnet50v1", shape: [1, ...IMAGE] }),
    {
      name: "start",
      title: "from the start of the process to the first answer; memory then, at rest",
      unit: "request",
      measure: ({ rounds }) => measureStarts(TINY, { rounds }),
    },
    {
      name: "idle",
      title: "memory without a model",
      unit: "request",
      measure: ({ rounds }) => measureIdle({ rounds }),
    },
  ];
}

function comparison(
  name: string,
  { title, contenders, unit = "request", seconds = ROUND_SECONDS }: {
    title: string;
    contenders: readonly Contender[];
    unit?: string;
    seconds?: number;
  },
): Case {
  const measure = ({ rounds, haste }: Effort) => compare(contenders, { rounds, seconds: seconds * haste });
  return { name, title, unit, measure };
}

/** This server with one and two serving threads, and the peers in their best mode for the model. */
function cheapContenders(model: BenchModel, load: Load): Contender[] {
  const twoWorkers = ovserve(model, load, { label: "2 workers", flags: ["--grpc_workers", "2"] });
  return [ovserve(model, load), twoWorkers, cppPeer(model, load, "TINY"), pythonPeer(model, load)];
}

function trivialCases(): Case[] {
  const load = { modelName: "tiny", shape: [1, 1] };
  return [
    comparison("tiny", {
      title: "trivial model, 8 connections x 32 streams",
      contenders: cheapContenders(TINY, { ...load, connections: 8, streams: 32 }),
    }),
    comparison("tiny-one", {
      title: "trivial model, one request at a time",
      contenders: cheapContenders(TINY, { ...load, connections: 1, streams: 1 }),
    }),
  ];
}

function imageCases(): Case[] {
  const model = benchModel("image");
  const contenders = (batch: number) =>
    cheapContenders(model, { modelName: "image", shape: [batch, ...IMAGE], ...FEW });
  return [
    comparison("image-1", { title: "602 kB requests, next to no compute", contenders: contenders(1) }),
    comparison("image-16", { title: "9.6 MB requests, next to no compute", contenders: contenders(16), unit: "image" }),
  ];
}

/** The Open Inference Protocol beside Predict, which is the peer, and beside a Triton. */
function protocolCases(): Case[] {
  const contenders = (model: BenchModel, load: Load) => {
    const infer = { ...load, api: "ModelInfer" } as const;
    return [
      ovserve(model, infer, { label: "ModelInfer" }),
      ovserveRest(model, { ...load, api: "REST infer" }, "REST, binary"),
      ovserve(model, load, { label: "Predict", isPeer: true }),
      triton(model, infer),
    ];
  };
  const image = benchModel("image");
  return [
    comparison("infer-tiny", {
      title: "Open Inference Protocol, trivial model, 8 connections x 32 streams",
      contenders: contenders(TINY, { modelName: "tiny", shape: [1, 1], connections: 8, streams: 32 }),
    }),
    comparison("infer-image-1", {
      title: "Open Inference Protocol, 602 kB requests, next to no compute",
      contenders: contenders(image, { modelName: "image", shape: [1, ...IMAGE], ...FEW }),
    }),
  ];
}

/** The models and batch sizes of the ie_serving announcement. */
function resnetCases(): Case[] {
  const batches = { resnet50v1: [1, 8, 16, 32], resnet50v2: [1, 16], resnet152v1: [1, 16], resnet152v2: [1, 16] };
  return Object.entries(batches).flatMap(([name, sizes]) =>
    sizes.map((batch) => {
      const model = benchModel(name);
      const load = { modelName: name, shape: [batch, ...IMAGE], ...FEW };
      const [, layers, version] = /resnet(\d+)(v\d)/.exec(name) ?? [];
      return comparison(`${name}-${batch}`, {
        title: `ResNet-${layers} ${version}, batch ${batch}`,
        unit: "image",
        contenders: [
          ovserve(model, load),
          cppPeer(model, load, "THROUGHPUT"),
          pythonPeer(model, load),
          benchmarkApp(model, load.shape),
        ],
        // Several inferences of each stream.
        seconds: batch === 1 ? 2.5 : name.startsWith("resnet152") ? 6 : 4,
      });
    })
  );
}

/**
 * One row a client with batching on and off, and clients that send batches themselves: with the same 64 rows in flight, and with more, which
 * form no group for the comparison with the best.
 */
function batchingCases(model: BenchModel, description: string): Case[] {
  const load = (clients: number, rows: number): Load => ({
    modelName: model.name,
    shape: [rows, 64],
    connections: clients,
    streams: 1,
  });
  const byClients = (clients: number, rows: number): Contender => {
    const inFlight = clients * rows;
    const label = `${clients} x ${rows} rows${inFlight === 64 ? "" : `, ${inFlight} in flight`}`;
    const contender = ovserve(model, load(clients, rows), { label, isPeer: true });
    return inFlight === 64 ? { ...contender, group: "client batches, 64 rows in flight" } : contender;
  };
  return [
    comparison(`batching-${model.name}`, {
      title: `64 clients with one row each, ${description}`,
      unit: "row",
      contenders: [
        ovserve(model, load(64, 1), { label: "batching on", flags: ["--enable_batching"] }),
        ovserve(model, load(64, 1), { label: "batching off", isPeer: true }),
        cppPeer(model, load(64, 1), model.name === "mlp" ? "TINY" : "THROUGHPUT"),
        ...[[16, 4], [4, 16], [2, 32], [1, 64], [4, 64], [4, 256]].map(([clients = 1, rows = 1]) =>
          byClients(clients, rows)
        ),
      ],
    }),
  ];
}

function swaps(model: BenchModel, load: Load): Case {
  return {
    name: `swap-${model.name}`,
    title: `${model.name} while a version swaps, ${load.connections * load.streams} in flight`,
    unit: "request",
    measure: ({ rounds, haste }) => measureSwaps(model, { load, other: benchModel("resnet152v1"), rounds, haste }),
  };
}
