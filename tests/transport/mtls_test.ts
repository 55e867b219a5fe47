/** The recipe for mutual TLS, deploy/mtls/nginx.conf: Debian's nginx in front of the program. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Certificate } from "./interop/certificate.ts";
import { modelPath } from "../support/model_path.ts";
import { Server } from "../support/server.ts";
import { findTool } from "../support/tools.ts";
import { freePort } from "../support/free_port.ts";
import { until } from "../support/until.ts";

const RECIPE = fileURLToPath(new URL("../../deploy/mtls/nginx.conf", import.meta.url));
/** A GetModelStatusRequest for `half`, as a gRPC message. */
const STATUS_REQUEST = Uint8Array.of(0, 0, 0, 0, 8, 0x0a, 6, 0x0a, 4, ...new TextEncoder().encode("half"));

const nginx = await findTool("nginx");

/** Resolves when a port accepts connections. */
function listening(port: number): Promise<void> {
  const connects = () => Deno.connect({ hostname: "127.0.0.1", port }).then((conn) => conn.close());
  return until(`port ${port} is open`, () => connects().then(() => true, () => false));
}

/** Directives that keep nginx out of /var/lib/nginx, which exists only if its package is installed. */
function temporaryPaths(folder: string): string {
  const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return kinds.map((kind) => `  ${kind}_temp_path ${folder}/${kind};`).join("\n");
}

/** nginx with the recipe, but other ports and paths. */
class Nginx implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;

  private constructor(process: Deno.ChildProcess, readonly folder: string) {
    this.#process = process;
  }

  static async start(replacements: Readonly<Record<string, string>>): Promise<Nginx> {
    const folder = await Deno.makeTempDir();
    let text = await Deno.readTextFile(RECIPE);
    for (const [original, other] of Object.entries({ ...replacements, "/run/ovserve-nginx.pid": `${folder}/pid` })) {
      assert(text.includes(original), `the recipe does not contain ${original}`);
      text = text.replaceAll(original, other);
    }
    await Deno.writeTextFile(`${folder}/nginx.conf`, text.replace("http {", `http {\n${temporaryPaths(folder)}`));
    const args = ["-p", folder, "-e", "stderr", "-c", `${folder}/nginx.conf`, "-g", "daemon off;"];
    return new Nginx(
      new Deno.Command(nginx ?? "", { args, stdin: "null", stdout: "null", stderr: "inherit" }).spawn(),
      folder,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test({
  name: "nginx requires client certificates and forwards gRPC and REST",
  ignore: nginx === undefined,
  fn: async () => {
    await using own = await Certificate.make();
    await using clients = await Certificate.make();
    await using stranger = await Certificate.make();
    const model = ["model", "--model_name", "half", "--model_path", modelPath("half_plus_two")];
    await using server = await Server.start([...model, "--rest_bind_address", "127.0.0.1", "--rest_port", "any"]);
    const { grpc, rest } = await server.event("server started") as { grpc: string; rest: string };
    const [grpcPort, restPort] = [freePort(), freePort()];
    await using _nginx = await Nginx.start({
      "/etc/ovserve/tls.crt": own.certPath,
      "/etc/ovserve/tls.key": own.certPath.replace("cert.pem", "key.pem"),
      "/etc/ovserve/clients.pem": clients.certPath,
      "server 127.0.0.1:8500": `server ${grpc}`,
      "server 127.0.0.1:8501": `server ${rest}`,
      "listen 8600": `listen 127.0.0.1:${grpcPort}`,
      "listen 8601": `listen 127.0.0.1:${restPort}`,
    });
    await Promise.all([listening(grpcPort), listening(restPort)]);

    const ask = async (shown: { cert: string; key: string } | undefined): Promise<(number | boolean)[]> => {
      using client = Deno.createHttpClient({ caCerts: [own.cert], ...(shown && { cert: shown.cert, key: shown.key }) });
      const status = await fetch(`https://127.0.0.1:${restPort}/v1/models/half`, { client });
      await status.body?.cancel();
      const answer = await fetch(`https://127.0.0.1:${grpcPort}/tensorflow.serving.ModelService/GetModelStatus`, {
        ...{ client, method: "POST", body: STATUS_REQUEST },
        headers: { "content-type": "application/grpc", "te": "trailers" },
      });
      const isAnswered = answer.headers.get("content-type") === "application/grpc";
      return [status.status, answer.status, isAnswered && (await answer.bytes()).length > 5 || await drained(answer)];
    };
    assert.deepEqual(await ask(clients), [200, 200, true]);
    assert.deepEqual(await ask(undefined), [400, 400, false]);
    assert.deepEqual(await ask(stranger), [400, 400, false]);
  },
});

async function drained(response: Response): Promise<false> {
  await response.body?.cancel();
  return false;
}
