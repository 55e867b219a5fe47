import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { parseSslConfig, readCertificate } from "./certificate_files.ts";
import { ConfigError } from "../base/config_error.ts";

const KEY = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });

function quoted(text: string): string {
  return JSON.stringify(text);
}

Deno.test("parseSslConfig() refuses to ask clients for a certificate, and names the alternative", () => {
  assert.throws(() => parseSslConfig("client_verify: true"), {
    message: "client_verify: Deno cannot ask clients for a certificate; let a proxy do it: deploy/mtls/nginx.conf",
  });
});

Deno.test("parseSslConfig() reports which field holds no PEM, and never its content", () => {
  const cases = [
    ['server_key: "secret"', "server_key holds no private key in PEM form"],
    [`server_key: ${quoted(String(KEY))} server_cert: "secret"`, "server_cert holds no certificate in PEM form"],
    ['server_key: "-----BEGIN ENCRYPTED PRIVATE KEY-----"', /^server_key holds a key with a passphrase/],
    ["server_keys: 1", /^SSLConfig has no field "server_keys", it has server_key/],
  ] as const;
  for (const [text, message] of cases) {
    assert.throws(() => parseSslConfig(text), (error) => {
      assert(error instanceof ConfigError);
      assert.match(error.message, typeof message === "string" ? new RegExp(`^${message}$`) : message);
      assert(!error.message.includes("secret"));
      return true;
    });
  }
});

Deno.test("readCertificate() names the file that cannot be used", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/cert.pem`;
  await Deno.writeTextFile(path, "not PEM");
  const source = { kind: "pem", certPath: path, keyPath: `${folder}/none` } as const;
  await assert.rejects(readCertificate(source), { detail: `${path}: the file holds no certificate in PEM form` });
  await assert.rejects(readCertificate({ kind: "ssl_config", path: folder }), { detail: /^Cannot read / });
  await assert.rejects(readCertificate({ kind: "ssl_config", path: "/none" }), { detail: "Cannot find /none" });
  await Deno.remove(folder, { recursive: true });
});
