/**
 * Reads the certificate a server shows and its key, from PEM files or from an `SSLConfig` in text format, as
 * `--ssl_config_file` holds it (tensorflow_serving/config/ssl_config.proto).
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { ConfigError } from "../base/config_error.ts";
import { booleanOf, Fields, stringOf } from "../protobuf/text_fields.ts";
import { parseTextProto } from "../protobuf/text_proto.ts";

/** Where a certificate and its key lie. */
export type CertificateSource =
  | { readonly kind: "pem"; readonly certPath: string; readonly keyPath: string }
  | { readonly kind: "ssl_config"; readonly path: string };

/** A certificate, followed by those it is signed with, and its key: both PEM. */
export interface CertificateTexts {
  readonly cert: string;
  readonly key: string;
}

/** Why clients are not asked for a certificate, and what to do about it. */
export const CLIENT_CERTIFICATES_REFUSAL =
  "Deno cannot ask clients for a certificate; let a proxy do it: deploy/mtls/nginx.conf";

/**
 * Reads an SSLConfig. `custom_ca` is for checking clients' certificates and of no use without.
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
 * Reads a certificate and its key. That they belong together is for who listens with them to find.
 *
 * @throws {Error} with one sentence that begins with the file's path, or is about it. It never tells what is in the file.
 */
export async function readCertificate(source: CertificateSource): Promise<CertificateTexts> {
  if (source.kind === "ssl_config") return await read(source.path, parseSslConfig);
  const cert = await read(source.certPath, (text) => checkCertificate(text, "the file"));
  const key = await read(source.keyPath, (text) => checkKey(text, "the file"));
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
    throw new ConfigError(`${subject} holds a key with a passphrase, which nobody would be there to enter; remove it`);
  }
  try {
    createPrivateKey(text);
    return text;
  } catch {
    throw new ConfigError(`${subject} holds no private key in PEM form`);
  }
}

async function read<T>(path: string, parse: (text: string) => T): Promise<T> {
  try {
    return parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`Cannot find ${path}`, { cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    if (!(error instanceof ConfigError)) throw new Error(`Cannot read ${path}: ${reason}`, { cause: error });
    const place = error.place === undefined ? "" : `:${error.place.line}:${error.place.column}`;
    throw new Error(`${path}${place}: ${reason}`, { cause: error });
  }
}
