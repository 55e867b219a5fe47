/**
 * Renews a certificate whenever its files change. Neither listens nor knows who does.
 *
 * @module
 */
import { type CertificateSource, type CertificateTexts, readCertificate } from "./certificate_files.ts";
import { Poller, type PollerOptions } from "./poller.ts";

/** What to do with a certificate, and how often to look. */
export interface CertificateWatchOptions extends Omit<PollerOptions, "look"> {
  /** The certificate in use. */
  readonly certificate: CertificateTexts;
  /**
   * Puts another certificate into use. Called again only when the promise has settled.
   *
   * @throws if it cannot be used; the next look tries again.
   */
  readonly renew: (certificate: CertificateTexts) => Promise<void>;
}

/** Watches the files of a certificate until the returned poller is disposed. */
export function watchCertificate(
  source: CertificateSource,
  { certificate, renew, ...options }: CertificateWatchOptions,
): Disposable {
  let used = certificate;
  const look = async () => {
    const found = await readCertificate(source);
    if (found.cert === used.cert && found.key === used.key || poller.isClosed) return;
    await renew(found);
    used = found;
  };
  const poller = new Poller({ ...options, look });
  poller.start();
  return poller;
}
