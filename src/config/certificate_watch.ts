/**
 * Looks at the files of a certificate and has it renewed when they hold another. Neither listens nor knows who does.
 *
 * @module
 */
import type { Timer } from "../base/timer.ts";
import { type CertificateSource, type CertificateTexts, readCertificate } from "./certificate_files.ts";

/** Where to begin, and whom to tell. */
export interface CertificateWatchOptions {
  /** The one that is shown now. */
  readonly certificate: CertificateTexts;
  /** The pause between looks. */
  readonly intervalMs: number;
  /**
   * Shows another. Called again only when the promise has settled.
   *
   * @throws when it cannot be shown; it is tried again at the next look.
   */
  readonly renew: (certificate: CertificateTexts) => Promise<void>;
  readonly onRenewed: () => void;
  /** Told once for each reason; what was shown before goes on. */
  readonly onRefused: (reason: string) => void;
  readonly timer: Timer;
}

/** Watches one certificate. Disposing it ends that; what is being renewed goes on. */
export class CertificateWatch implements Disposable {
  readonly #source: CertificateSource;
  readonly #options: CertificateWatchOptions;
  #shown: CertificateTexts;
  #complaint: string | undefined;
  #cancelTimer: () => void = () => {};
  #isClosed = false;

  constructor(source: CertificateSource, options: CertificateWatchOptions) {
    this.#source = source;
    this.#options = options;
    this.#shown = options.certificate;
    this.#startTimer();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#cancelTimer();
  }

  #startTimer(): void {
    if (this.#isClosed) return;
    this.#cancelTimer = this.#options.timer(() => {
      void this.#look().then(() => this.#startTimer());
    }, this.#options.intervalMs);
  }

  async #look(): Promise<void> {
    try {
      const { cert, key } = await readCertificate(this.#source);
      if (cert === this.#shown.cert && key === this.#shown.key || this.#isClosed) return;
      await this.#options.renew({ cert, key });
      this.#shown = { cert, key };
      this.#complaint = undefined;
      if (!this.#isClosed) this.#options.onRenewed();
    } catch (error) {
      const complaint = error instanceof Error ? error.message : String(error);
      if (complaint === this.#complaint || this.#isClosed) return;
      this.#complaint = complaint;
      this.#options.onRefused(complaint);
    }
  }
}
