/**
 * gRPC over all threads at the same addresses: the main thread's own server, and with it those of the others.
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
   * Takes a TCP endpoint on the main thread; {@link shareEndpoints} then has the others take it too.
   *
   * @throws as {@link GrpcServer.listen}.
   */
  listen(endpoint: TcpEndpoint): Deno.Addr {
    const address = this.#own.listen({ ...endpoint, isShared: this.isShared });
    this.#shared.push({ ...endpoint, port: (address as Deno.NetAddr).port, isShared: true });
    return address;
  }

  /** Takes a Unix socket, which cannot be shared: the main thread alone serves it. */
  listenOnSocket(path: string): void {
    this.#own.listen({ path });
  }

  /** Has the other threads listen where {@link listen} does. */
  async shareEndpoints(): Promise<void> {
    await this.#others.listen(this.#shared);
  }

  /** Starts to accept connections. */
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
    await this.#others.showCertificate(certificate);
    for (const address of addresses) preferNewest(address, this.#others.count + 1);
    return async () => {
      closeOld();
      await this.#others.hideOldCertificate();
    };
  }

  /** Accepts no more and lets running calls finish for `graceMs` at the most. */
  async shutdown(graceMs: number): Promise<void> {
    // Nobody is told to go while a thread listens still: who comes back at once would find that one, and be sent away.
    this.#own.stopListening();
    await this.#others.stopListening();
    await Promise.all([this.#own.shutdown(graceMs), this.#others.leave(graceMs)]);
  }
}
