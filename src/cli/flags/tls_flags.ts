/**
 * The flags of TLS: one certificate for both front ends, or tensorflow_model_server's file, which is for gRPC alone.
 *
 * @module
 */
import { type CertificateSource, CLIENT_CERTIFICATES_REFUSAL } from "../../config/certificate_files.ts";
import { optional, readFlags, type Texts, topic, UsageError } from "./flag.ts";

const tls = topic("TLS");

/** Where certificates are read from. */
export const TLS_FLAGS = {
  certPath: tls(
    "tls_cert",
    optional({
      value: "file",
      help: "serve gRPC and REST over TLS with the certificate chain in this PEM file, the server's own first",
    }),
  ),
  keyPath: tls("tls_key", optional({ value: "file", help: "PEM file with the certificate's private key" })),
  sslConfigPath: tls(
    "ssl_config_file",
    optional({
      value: "file",
      help: "serve gRPC over TLS with the SSLConfig in this file, in protocol buffers' text format",
    }),
  ),
  clientCaPath: tls(
    "tls_client_ca",
    optional({ value: "file", help: `not supported: ${CLIENT_CERTIFICATES_REFUSAL}` }, refuseClientCa),
  ),
};

function refuseClientCa(): never {
  throw new Error(CLIENT_CERTIFICATES_REFUSAL);
}

/** Reads where the certificate of each front end is, if it has one. */
export function readTlsFlags(
  texts: Texts,
): { readonly grpc: CertificateSource | undefined; readonly rest: CertificateSource | undefined } {
  const { certPath, keyPath, sslConfigPath } = readFlags(TLS_FLAGS, texts);
  if (certPath === undefined && keyPath === undefined) {
    return {
      grpc: sslConfigPath === undefined ? undefined : { kind: "ssl_config", path: sslConfigPath },
      rest: undefined,
    };
  }
  if (sslConfigPath !== undefined) throw new UsageError("--ssl_config_file and --tls_cert cannot go together");
  if (certPath === undefined) throw new UsageError("--tls_key needs --tls_cert");
  if (keyPath === undefined) throw new UsageError("--tls_cert needs --tls_key");
  const source: CertificateSource = { kind: "pem", certPath, keyPath };
  return { grpc: source, rest: source };
}
