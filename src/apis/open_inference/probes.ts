/**
 * Readiness and liveness at the paths of the Open Inference Protocol (open_inference_rest.yaml, "health" endpoints).
 *
 * @module
 */
import type { Reply } from "../../rest/http_reply.ts";
import type { Probe } from "../../rest/route.ts";
import { percentDecode } from "../../rest/url_path.ts";
import type { ReadinessSource } from "../../service/readiness.ts";

const MODEL_REGEXP = /^\/v2\/models\/([^/]+)(?:\/versions\/(\d+))?\/ready$/;

/** `/v2/health/live`, `/v2/health/ready` and `/v2/models/NAME[/versions/N]/ready`. */
export function healthProbe(readiness: ReadinessSource): Probe {
  return {
    replyTo: (path) => {
      if (path === "/v2/health/live") return { status: 200, body: JSON.stringify({ live: true }) };
      if (path === "/v2/health/ready") return readyReply(readiness.isReady(), {});
      const model = MODEL_REGEXP.exec(path);
      return model === null ? undefined : modelReply(readiness, model);
    },
  };
}

function modelReply(readiness: ReadinessSource, [, encodedName = "", version]: RegExpExecArray): Reply {
  const name = percentDecode(encodedName);
  const isReady = readiness.isModelReady(name, version === undefined ? undefined : Number(version));
  if (isReady !== undefined) return readyReply(isReady, { name });
  const what = version === undefined ? `model ${name}` : `version ${version} of model ${name}`;
  return { status: 404, body: JSON.stringify({ error: `There is no ${what}` }) };
}

/** Most probes look at the status alone. */
function readyReply(isReady: boolean, about: { name?: string }): Reply {
  return { status: isReady ? 200 : 503, body: JSON.stringify({ ...about, ready: isReady }) };
}
