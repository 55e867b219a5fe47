/** What counting a request costs, all of it: its record, its times, its place among the counts. */
import { CODE } from "../base/status.ts";
import { RequestMetrics } from "./request_metrics.ts";

const metrics = new RequestMetrics({ isModel: () => true });
const kind = { method: "Predict", interface: "gRPC" } as const;
const id = { name: "m", version: 1 };

Deno.bench("count a request", () => {
  const record = metrics.begin();
  record.modelName = "m";
  record.servable = id;
  record.enqueued();
  record.finished();
  metrics.count(kind, record, CODE.OK);
});
