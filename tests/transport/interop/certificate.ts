/**
 * A self-signed certificate for tests with TLS, for localhost and its addresses.
 *
 * @module
 */

/** A certificate and its key, as text and as files that exist as long as this object. */
export class Certificate implements AsyncDisposable {
  readonly #folder: string;
  readonly cert: string;
  readonly key: string;

  private constructor(folder: string, texts: { cert: string; key: string }) {
    this.#folder = folder;
    this.cert = texts.cert;
    this.key = texts.key;
  }

  /** Creates one with openssl. */
  static async make(): Promise<Certificate> {
    const folder = await Deno.makeTempDir();
    const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
    const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2"];
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"];
    const leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    const args = ["req", ...kind, ...names, ...leaf, "-out", cert, "-keyout", key];
    const { success, stderr } = await new Deno.Command("openssl", { args }).output();
    if (!success) throw new Error(`openssl makes no certificate: ${new TextDecoder().decode(stderr)}`);
    return new Certificate(folder, { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) });
  }

  /** The file with the certificate, which is its own root. */
  get certPath(): string {
    return `${this.#folder}/cert.pem`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}
