/**
 * gRPC on all threads at the same addresses: the server of the main thread, and with it those of the others.
 *
 * @module
 */
import { preferNewest } from "../system/tcp_sockets.ts";
import type { CertificateTexts } from "../config/certificate_files.ts";
import type { TcpEndpoint } from "../grpc/endpoint.ts";
import type { GrpcServer } from "../grpc/server.ts";
import type { ServingThreads } from "./serving_threads.ts";

/** Serves gRPC on all threads. */
export class ThreadedGrpc {
  readonly #own: GrpcServer;
  readonly #others: ServingThreads;
  readonly #shared: TcpEndpoint[] = [];

  constructor(own: GrpcServer, others: ServingThreads) {
    this.#own = own;
    this.#others = others;
  }

  /** Whether there are other threads. */
  get isShared(): boolean {
    return this.#others.count > 0;
  }

  /**
   * Listens on a TCP endpoint with the main thread; {@link shareEndpoints} lets the others listen too.
   *
   * @throws as {@link GrpcServer.listen}.
   */
  listen(endpoint: TcpEndpoint): Deno.Addr {
    const address = this.#own.listen({ ...endpoint, isShared: this.isShared });
    this.#shared.push({ ...endpoint, port: (address as Deno.NetAddr).port, isShared: true });
    return address;
  }

  /** Listens on a Unix socket, which the main thread serves alone, because it cannot be shared. */
  listenOnSocket(path: string): void {
    this.#own.listen({ path });
  }

  /** Lets the other threads listen on the endpoints of {@link listen}. */
  async shareEndpoints(): Promise<void> {
    await this.#others.listen(this.#shared);
  }

  /** Starts to accept connections on all threads. */
  accept(): void {
    this.#own.accept();
    this.#others.accept();
  }

  /**
   * Presents another certificate to clients that connect from now on, on all threads. Connections stay.
   *
   * @returns a function that stops presenting the old one.
   * @throws the system's error about the certificate; nothing has changed then.
   */
  async presentCertificate(certificate: CertificateTexts): Promise<() => Promise<void>> {
    const { addresses, closeOld } = this.#own.replaceCertificate(certificate);
    await this.#others.presentCertificate(certificate);
    for (const address of addresses) preferNewest(address, this.#others.count + 1);
    return async () => {
      closeOld();
      await this.#others.closeOldCertificate();
    };
  }

  /** Stops accepting and lets running calls finish for up to `graceMs`. */
  async shutdown(graceMs: number): Promise<void> {
    // All threads stop listening before any client is sent away: one that reconnects at once would be sent away again.
    this.#own.stopListening();
    await this.#others.stopListening();
    await Promise.all([this.#own.shutdown(graceMs), this.#others.leave(graceMs)]);
  }
}
