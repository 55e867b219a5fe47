/**
 * Reads a server's certificate and its key, from PEM files or from an `SSLConfig` in text format, as `--ssl_config_file` holds it (tensorflow_serving/config/ssl_config.proto).
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { ConfigError } from "../base/config_error.ts";
import { booleanOf, Fields, stringOf } from "../protobuf/text_fields.ts";
import { parseTextProto } from "../protobuf/text_proto.ts";
import { readConfigFile } from "./config_file.ts";

/** The files of a certificate and its key. */
export type CertificateSource =
  | { readonly kind: "pem"; readonly certPath: string; readonly keyPath: string }
  | { readonly kind: "ssl_config"; readonly path: string };

/** A certificate chain, the server's own first, and its key: both PEM. */
export interface CertificateTexts {
  readonly cert: string;
  readonly key: string;
}

/** Why clients cannot be asked for a certificate, and what to do about it. */
export const CLIENT_CERTIFICATES_REFUSAL =
  "Deno cannot ask clients for a certificate; let a proxy do it: deploy/mtls/nginx.conf";

/**
 * Reads an SSLConfig. `custom_ca` has no effect: it is for verifying clients' certificates.
 *
 * @throws {ConfigError} with the place of what cannot be read, and for `client_verify: true`.
 */
export function parseSslConfig(text: string): CertificateTexts {
  const names = ["server_key", "server_cert", "custom_ca", "client_verify"];
  const config = new Fields("SSLConfig", parseTextProto(text), names);
  stringOf(config.one("custom_ca"));
  if (booleanOf(config, "client_verify")) {
    throw new ConfigError(`client_verify: ${CLIENT_CERTIFICATES_REFUSAL}`, config.one("client_verify")?.place);
  }
  const [key, cert] = [stringOf(config.one("server_key")), stringOf(config.one("server_cert"))];
  checkKey(key, "server_key");
  checkCertificate(cert, "server_cert");
  return { cert, key };
}

/**
 * Reads a certificate and its key. Whether they belong together turns out when a server listens with them.
 *
 * @throws {ConfigFileError} which never contains the content of a file.
 */
export async function readCertificate(source: CertificateSource): Promise<CertificateTexts> {
  if (source.kind === "ssl_config") return await readConfigFile(source.path, parseSslConfig);
  const cert = await readConfigFile(source.certPath, (text) => checkCertificate(text, "the file"));
  const key = await readConfigFile(source.keyPath, (text) => checkKey(text, "the file"));
  return { cert, key };
}

function checkCertificate(text: string, subject: string): string {
  try {
    new X509Certificate(text);
    return text;
  } catch {
    throw new ConfigError(`${subject} holds no certificate in PEM form`);
  }
}

function checkKey(text: string, subject: string): string {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    throw new ConfigError(`${subject} holds a key with a passphrase, which a server cannot enter; remove it`);
  }
  try {
    createPrivateKey(text);
    return text;
  } catch {
    throw new ConfigError(`${subject} holds no private key in PEM form`);
  }
}
