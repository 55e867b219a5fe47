/**
 * Runs h2spec, the conformance suite for RFC 9113 and RFC 7541, against the HTTP/2 server. The tool is built once if there is a Go
 * toolchain.
 */
import assert from "node:assert/strict";
import type { Span } from "../../src/base/bytes.ts";
import { Http2Connection } from "../../src/http2/connection.ts";
import { encodeHeaders } from "../../src/http2/hpack/encoder.ts";
import type { Http2Stream, StreamListener } from "../../src/http2/http2.ts";
import type { Http2Limits } from "../../src/http2/limits.ts";
import { testLimits } from "../../src/http2/testing/limits.ts";

const VERSION = "v2.2.1";
const FOLDER = new URL("../../.ovserve/tools/", import.meta.url).pathname;
const TOOL = `${FOLDER}h2spec`;
const HEADERS = encodeHeaders([{ name: ":status", value: "200" }, { name: "content-type", value: "text/plain" }]);
const BODY = [new TextEncoder().encode("conformant")];

/** Why the tool cannot run; undefined if it can. */
async function missing(): Promise<string | undefined> {
  try {
    if ((await Deno.stat(TOOL)).isFile) return undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    await Deno.mkdir(FOLDER, { recursive: true });
    const { success, stderr } = await new Deno.Command("go", {
      args: ["install", `github.com/summerwind/h2spec/cmd/h2spec@${VERSION}`],
      env: { GOBIN: FOLDER },
    }).output();
    return success ? undefined : `go cannot build h2spec: ${new TextDecoder().decode(stderr).trim()}`;
  } catch (error) {
    return `go cannot be run: ${error}`;
  }
}

/** Replies to a request once it is complete. */
class Answerer implements StreamListener {
  readonly #stream: Http2Stream;

  constructor(stream: Http2Stream) {
    this.#stream = stream;
  }

  onData(chunk: Span, endStream: boolean): void {
    this.#stream.consumed(chunk.end - chunk.start);
    if (endStream) this.answer();
  }

  onTrailers(): void {
    this.answer();
  }

  onReset(): void {}

  answer(): void {
    this.#stream.sendHeaders(HEADERS, false);
    this.#stream.sendData(BODY, true);
  }
}

async function runAgainst(limits: Http2Limits, args: readonly string[]): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const socket of listener) {
      const connection = new Http2Connection(socket, {
        limits,
        peer: "h2spec",
        onRequest: (stream, _headers, endStream) => {
          const answerer = new Answerer(stream);
          if (endStream) answerer.answer();
          return answerer;
        },
      });
      served.push(connection.serve());
    }
  })();
  const { code, stdout } = await new Deno.Command(TOOL, {
    args: ["-h", "127.0.0.1", "-p", `${listener.addr.port}`, "--strict", ...args],
  }).output();
  listener.close();
  await accepting;
  await Promise.all(served);
  const report = new TextDecoder().decode(stdout);
  assert.match(report, /, 0 failed/, report);
  assert.match(report, / 0 skipped/, report);
  assert.equal(code, 0);
}

const reason = await missing();
const because = reason === undefined ? "" : ` (ignored: ${reason})`;

Deno.test({
  name: `Http2Connection passes all of h2spec${because}`,
  ignore: reason !== undefined,
  // h2spec expects that frames above the smallest size of RFC 9113 are refused.
  fn: () => runAgainst(testLimits({ frameBytesMax: 16_384, lingerTimeoutMs: 100 }), []),
});

Deno.test({
  name: `Http2Connection passes h2spec's hpack and generic parts with the limits it has by default${because}`,
  ignore: reason !== undefined,
  fn: () => runAgainst(testLimits(), ["generic", "hpack"]),
});
