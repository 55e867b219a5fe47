/**
 * The flags of TLS: one certificate for both front ends, or tensorflow_model_server's file, which is for gRPC alone.
 *
 * @module
 */
import { type CertificateSource, CLIENT_CERTIFICATES_REFUSAL } from "../../config/certificate_files.ts";
import { Flag, type FlagValues, notEmpty, orNothing, UsageError } from "./flag.ts";

/** In the order of --help. */
export const TLS_FLAGS = {
  certPath: new Flag("tls_cert", {
    value: "file",
    description:
      "serve gRPC and REST over TLS with the certificate in this PEM file, those it is signed with behind it",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  keyPath: new Flag("tls_key", {
    value: "file",
    description: "PEM file with the certificate's private key",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  sslConfigPath: new Flag("ssl_config_file", {
    value: "file",
    description: "serve gRPC over TLS with the SSLConfig in this file, in protocol buffers' text format",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  clientCaPath: new Flag("tls_client_ca", {
    value: "file",
    description: `refused: ${CLIENT_CERTIFICATES_REFUSAL}`,
    parse: orNothing(refuseClientCa),
    default: "",
    defaultWords: "none",
  }),
};

function refuseClientCa(): never {
  throw new Error(CLIENT_CERTIFICATES_REFUSAL);
}

/** Where each front end's certificate lies, if it has one. */
export interface CertificateSources {
  readonly grpc: CertificateSource | undefined;
  readonly rest: CertificateSource | undefined;
}

/** What the flags say. */
export function certificateSources(values: FlagValues<typeof TLS_FLAGS>): CertificateSources {
  const { certPath, keyPath, sslConfigPath } = values;
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
