/**
 * What those who watch the server ask for: metrics in Prometheus' text format, and whether the server and its models are ready, at
 * the paths of the Open Inference Protocol.
 *
 * @module
 */
import { METRICS_MEDIA_TYPE } from "../base/metrics.ts";
import type { Readiness } from "../service/readiness.ts";
import { type Reply, toResponse, withoutBody } from "./http_reply.ts";
import { pathOf, percentDecode } from "../apis/tensorflow_serving/rest/request_path.ts";

/** What there is to ask for. */
export interface Observed {
  readonly readiness: Readiness;
  /** Everything that is counted, as a page. */
  readonly metricsPage: () => Promise<string>;
  /** Where the page is; nowhere when there is none. */
  readonly metricsPaths: readonly string[];
}

const MODEL_REGEXP = /^\/v2\/models\/([^/]+)(?:\/versions\/(\d+))?\/ready$/;

/** Answers a request; undefined when it is for somebody else. */
export function answerObservation(request: Request, observed: Observed): Promise<Response> | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const reply = replyTo(pathOf(request.url), observed);
  return reply && respond(request, reply);
}

async function respond(request: Request, reply: Reply | Promise<Reply>): Promise<Response> {
  const response = await toResponse(await reply, {
    acceptEncoding: request.headers.get("accept-encoding"),
    headers: {},
  });
  return request.method === "HEAD" ? await withoutBody(response) : response;
}

function replyTo(path: string, observed: Observed): Reply | Promise<Reply> | undefined {
  const { readiness, metricsPaths } = observed;
  if (metricsPaths.includes(path)) {
    return observed.metricsPage().then((body) => ({ status: 200, body, contentType: METRICS_MEDIA_TYPE }));
  }
  if (path === "/v2/health/live") return { status: 200, body: JSON.stringify({ live: true }) };
  if (path === "/v2/health/ready") return readyReply(readiness.isReady(), {});
  const model = MODEL_REGEXP.exec(path);
  return model === null ? undefined : modelReply(readiness, model);
}

function modelReply(readiness: Readiness, [, encodedName = "", version]: RegExpExecArray): Reply {
  const name = percentDecode(encodedName);
  const isReady = readiness.isModelReady(name, version === undefined ? undefined : Number(version));
  if (isReady !== undefined) return readyReply(isReady, { name });
  const what = version === undefined ? `model ${name}` : `version ${version} of model ${name}`;
  return { status: 404, body: JSON.stringify({ error: `There is no ${what}` }) };
}

/** The status is what most probes look at. */
function readyReply(isReady: boolean, about: { name?: string }): Reply {
  return { status: isReady ? 200 : 503, body: JSON.stringify({ ...about, ready: isReady }) };
}
