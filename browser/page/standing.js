/** Which version serves, which one is on trial or compared, and whether the cloud is there. */
import { at, show } from "./elements.js";

/** What served when the page last looked, and what was on trial. */
export const before = { serving: "", trial: "", standby: "" };
/** All that have served since. */
const served = new Set();

/** @param {any} status */
export function showStatus(status) {
  const { serving, device, provider, fallback, inPage, hasCore, link, hasCloud } = status;
  at("model").textContent = serving || "edgefleet";
  at("slot").textContent = !serving ? "" : status.onTrial ? "on trial" : status.candidate ? "serves, with a shadow" : "serves";
  const where = provider === "wasm" ? `by WebAssembly, in ${inPage ? "the page itself" : "a worker"}` : provider;
  at("provider").textContent = [provider && where, fallback].filter(Boolean).join("; ");
  showCandidate(status);
  if (!serving) show(link === "up" ? "connected; there is no model yet" : "waiting for a model", "warn");
  else if (!hasCloud) show("predicts here, tells nobody", "good");
  else if (link === "up") show(`${device} is online`, "good");
  else show(hasCore ? `${device} is offline: predicts all the same` : "predicts; the rest is loading", "warn");
  if (!serving && link === "up") {
    at("wait-words").textContent =
      "The cloud has no version of this model for the page yet. It comes by itself as soon as one is released.";
  }
}

/** @param {any} status */
function showCandidate({ serving, onTrial, standby, candidate }) {
  const banner = at("candidate");
  const wasTakenBack = before.trial && !onTrial && serving === before.standby;
  const wasTakenOver = before.trial && !onTrial && serving === before.trial;
  if (onTrial) {
    banner.textContent = `A new version is on trial: ${serving} answers what you give, ${standby} stands by.`;
  } else if (candidate) {
    banner.textContent =
      `A candidate is here: ${candidate} repeats every call in the shadow of ${serving}. ` +
      "Its answers are compared, and not shown.";
  } else if (wasTakenBack) {
    banner.textContent = `${before.trial} was taken back: ${serving} serves on.`;
  } else if (before.serving && serving !== before.serving && served.has(serving)) {
    banner.textContent = `${serving} serves again, in place of ${before.serving}.`;
  } else if (wasTakenOver || (before.serving && serving !== before.serving)) {
    banner.textContent = `${serving} serves from now on; no call has waited for it.`;
  } else if (before.trial || banner.dataset.kind === "shadow") {
    banner.textContent = "";
  }
  banner.dataset.kind = onTrial ? "trial" : candidate ? "shadow" : wasTakenBack ? "back" : "";
  banner.hidden = !banner.textContent;
  if (serving) served.add(serving);
  Object.assign(before, { serving, trial: onTrial ? serving : "", standby });
}

/** @param {string} text Why a version was refused. */
export function showRefusal(text) {
  at("candidate").dataset.kind = "back";
  at("candidate").textContent = `A version was refused, and ${before.serving || "none"} serves on: ${text}`;
  at("candidate").hidden = false;
}
