/** Has the browser keep the whole bundle, see `service_worker.js`. */
import { saying } from "./errors.js";

/**
 * Keep the bundle for starts without a network, and its newer ones in place of it.
 * @param {string} url Of the service worker, at the top of the bundle.
 * @param {(text: string) => void} warn Hears why that does not work, or why a newer bundle is refused.
 */
export async function keepBundle(url, warn) {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return; // as in a private window of some browsers
  serviceWorker.addEventListener("message", ({ data }) => {
    if (data?.edgefleet) warn(data.edgefleet);
  });
  serviceWorker.startMessages();
  try {
    await serviceWorker.register(url);
  } catch (error) {
    warn(`the page cannot be kept for offline starts: ${saying(error)}`);
  }
}
