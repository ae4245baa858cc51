/** The page: draws or asks for a row, shows what the agent answers and what it sends. */
import { createAgent } from "../src/edgefleet.js";
import { DriftMeter } from "./drift.js";
import { Pad } from "./pad.js";

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
const at = (id) => /** @type {T} */ (document.getElementById(id));

/** @typedef {import("../src/edgefleet.js").PageAgent} PageAgent */

const LOGGED = 50;

/**
 * @param {string} text
 * @param {string} tone
 */
function show(text, tone) {
  at("state").textContent = text;
  at("state").className = `pill ${tone}`;
}

/** @param {string} text */
function log(text) {
  const line = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString();
  line.append(time, text);
  at("log").prepend(line);
  while (at("log").children.length > LOGGED) at("log").lastElementChild?.remove();
}

/** @param {any} status */
function showStatus({ serving, device, provider, fallback, hasCore, link, hasCloud, ...slots }) {
  at("model").textContent = serving || "edgefleet";
  at("slot").textContent = !serving
    ? ""
    : slots.onTrial
      ? "on trial; the version before stands by"
      : slots.shadowed
        ? "serves; a candidate repeats every call in its shadow"
        : "serves";
  at("provider").textContent = [provider, fallback].filter(Boolean).join(": ");
  if (!serving) show("waiting for a model", "warn");
  else if (!hasCloud) show("predicts here, tells nobody", "good");
  else if (link === "up") show(`${device} is online`, "good");
  else show(hasCore ? `${device} is offline: predicts all the same` : "predicts; the rest is loading", "warn");
}

/** @param {{bytes: number, batch: any[]}} sent */
function showBatch({ bytes, batch }) {
  const entries = batch[5];
  const rows = entries.reduce((/** @type {number} */ sum, /** @type {any} */ entry) => sum + entry[4][0], 0);
  at("leaves").textContent =
    `${bytes.toLocaleString()} bytes about ${rows.toLocaleString()} rows: counts by bucket, no row.`;
  const facts = [
    ["device", batch[0]],
    ["message", `${batch[1]}/${batch[2]}`],
    ["windows", entries.length],
    ["statistics", entries.reduce((/** @type {number} */ n, /** @type {any} */ e) => n + e[5].length, 0)],
  ];
  at("counts").replaceChildren(
    ...facts.flatMap(([name, value]) => {
      const term = document.createElement("dt");
      const text = document.createElement("dd");
      term.textContent = String(name);
      text.textContent = String(value);
      return [term, text];
    }),
  );
  at("message").textContent = JSON.stringify(batch);
}

/** @param {import("../src/edgefleet.js").Prediction & {milliseconds: number, classes: any[]}} found */
function showAnswer({ labels, probabilities, values, milliseconds, classes }) {
  const answer = labels ? labels[0] : values ? values[0].toPrecision(5) : "–";
  at("answer").textContent = String(answer);
  at("latency").textContent = `${milliseconds.toFixed(2)} ms`;
  at("bars").replaceChildren(
    ...[...(probabilities ?? [])].map((probability, index) => {
      const line = document.createElement("li");
      const name = document.createElement("span");
      const bar = document.createElement("meter");
      const share = document.createElement("span");
      name.textContent = String(classes[index]);
      bar.value = probability;
      share.textContent = `${(100 * probability).toFixed(1)} %`;
      line.className = classes[index] === answer ? "best" : "";
      line.append(name, bar, share);
      return line;
    }),
  );
}

/** @param {DriftMeter} meter */
function showDrift(meter) {
  const bits = Math.max(meter.excessBits, 0);
  const level = /** @type {HTMLMeterElement} */ (at("drift"));
  level.value = Math.min(bits / 2, 1);
  const how = bits < 0.5 ? "like" : bits < 1 ? "a little unlike" : "unlike";
  at("drift-words").textContent = `${how} the training data: ${bits.toFixed(2)} bits a value beyond it`;
}

/** Predicts the latest row; rows that come while one is under way wait, but for the last one. */
class Predictor {
  #agent;
  #classes;
  /** @type {any} */
  #next;
  #busy = false;
  #last = "";

  /**
   * @param {PageAgent} agent
   * @param {any[]} classes
   */
  constructor(agent, classes) {
    this.#agent = agent;
    this.#classes = classes;
  }

  /** @param {any} rows */
  async predict(rows) {
    this.#next = rows;
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#next !== undefined) {
        const given = this.#next;
        this.#next = undefined;
        const began = performance.now();
        const found = await this.#agent.predict(given);
        showAnswer({ ...found, milliseconds: performance.now() - began, classes: this.#classes });
        this.#last = found.id;
      }
    } catch (error) {
      at("answer").textContent = "–";
      log(error instanceof Error ? error.message : String(error));
    }
    this.#busy = false;
  }

  /** Offer the classes, so that a person can tell what it was. */
  offerTruths() {
    if (!this.#classes.length || this.#classes.length > 20) return;
    at("truth").hidden = false;
    at("labels").replaceChildren(
      ...this.#classes.map((label) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = String(label);
        button.addEventListener("click", async () => {
          if (!this.#last) return;
          const counted = await this.#agent.label(this.#last, label);
          at("thanks").textContent = counted ? `Counted: it was ${label}.` : "That one was counted before.";
        });
        return button;
      }),
    );
  }
}

/**
 * @param {Predictor} predictor
 * @param {DriftMeter} meter
 */
function usePad(predictor, meter) {
  at("pad-card").hidden = false;
  const seen = /** @type {HTMLCanvasElement} */ (at("seen")).getContext("2d");
  /** @type {Pad | undefined} */
  let pad;
  const changed = () => {
    if (!pad) return;
    const pixels = pad.pixels();
    pixels.forEach((value, place) => {
      if (!seen) return;
      const gray = Math.round(255 - (value / 16) * 255);
      seen.fillStyle = `rgb(${gray} ${gray} ${gray})`;
      seen.fillRect(place % 8, Math.floor(place / 8), 1, 1);
    });
    at("thanks").textContent = "";
    if (pad.isEmpty) return meter.next();
    meter.see(pixels);
    showDrift(meter);
    void predictor.predict(pixels);
  };
  pad = new Pad(at("pad"), changed);
  changed();
  at("clear").addEventListener("click", () => pad.clear());
}

/**
 * @param {any[]} features
 * @param {Predictor} predictor
 * @param {DriftMeter} meter
 */
function useForm(features, predictor, meter) {
  at("form-card").hidden = false;
  /** @type {HTMLFormElement} */
  const form = at("row-form");
  for (const { name, kind, categories } of features) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.name = name;
    input.required = true;
    if (kind === "number") [input.type, input.step, input.value] = ["number", "any", "0"];
    else input.value = categories[0] ?? "";
    label.append(name, input);
    form.append(label);
  }
  const button = document.createElement("button");
  button.textContent = "Predict";
  form.append(button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = new FormData(form);
    const row = features.map(({ name, kind }) => [
      name,
      kind === "number" ? Number(given.get(name)) : given.get(name),
    ]);
    meter.see(row.map(([, value]) => (typeof value === "number" ? value : NaN)));
    meter.next();
    showDrift(meter);
    void predictor.predict([Object.fromEntries(row)]);
  });
}

async function main() {
  const config = await (await fetch("config.json", { cache: "no-cache" })).json();
  if (config.cloudPort) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    config.agent.cloud = `${scheme}://${location.hostname}:${config.cloudPort}/mqtt`;
  }
  const agent = await createAgent({ ...config.agent, assets: "../vendor/" });
  for (const [kind, hear] of /** @type {[string, (body: any) => void][]} */ ([
    ["log", ({ text }) => log(text)],
    ["status", showStatus],
    ["batch", showBatch],
  ])) {
    agent.addEventListener(kind, (event) => hear(/** @type {CustomEvent} */ (event).detail));
  }
  showStatus(await agent.status());
  at("switch").hidden = at("leaves-card").hidden = !config.agent.cloud;
  at("offline").addEventListener("change", (event) => {
    void agent.goOffline(/** @type {HTMLInputElement} */ (event.target).checked);
  });
  const { classes, features } = await agent.describe();
  const predictor = new Predictor(agent, classes);
  predictor.offerTruths();
  const meter = new DriftMeter(await agent.reference(), features);
  if (features.length === 64) usePad(predictor, meter);
  else useForm(features, predictor, meter);
  // Last: keeping the bundle must not take the network from the first prediction.
  navigator.serviceWorker?.register("../service-worker.js").catch((error) => {
    log(`the page cannot be kept for offline starts: ${error.message}`);
  });
}

main().catch((error) => {
  show("cannot start", "warn");
  log(error instanceof Error ? error.message : String(error));
});
