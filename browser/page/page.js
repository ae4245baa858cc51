/** The page: draws or asks for a row, shows what the agent answers and what it sends. */
import { createAgent } from "../src/edgefleet.js";
import { keepBundle } from "../src/keeping.js";
import { DriftMeter } from "./drift.js";
import { at, element, fill, log, show } from "./elements.js";
import { inOrder, inWords, many } from "./leaving.js";
import { Pad } from "./pad.js";
import { before, showRefusal, showStatus } from "./standing.js";

/** @typedef {import("../src/edgefleet.js").PageAgent} PageAgent */

/**
 * @param {{bytes: number, batch: any[], windows: import("./leaving.js").Window[]}} sent
 * @param {import("./leaving.js").Known} known
 */
function showBatch({ bytes, batch, windows }, known) {
  const rows = windows.reduce((sum, { counters }) => sum + counters[0], 0);
  const isSingle = windows.some(({ role, counters }) => role === "primary" && counters[0] === 1);
  const few = isSingle ? " Of a single one, averages and ranges are its values." : "";
  at("leaves").textContent =
    `${bytes.toLocaleString()} bytes about ${many(rows, "row")}: counts by bucket, averages and ranges, no row.${few}`;
  const facts = [
    ["from", batch[0]],
    ["number", `${batch[2]} of life ${batch[1]}`],
    ["at", new Date().toLocaleTimeString()],
  ];
  at("counts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  at("windows").replaceChildren(
    ...inOrder(windows).map((window) => {
      const { title, lines } = inWords(window, known);
      const part = document.createElement("section");
      const list = document.createElement("ul");
      list.append(...lines.map((line) => element("li", line)));
      part.append(element("h3", title), list);
      return part;
    }),
  );
  at("whole").hidden = false;
  at("message").textContent = JSON.stringify(batch);
}

/** @param {import("../src/edgefleet.js").Prediction & {milliseconds: number, classes: any[]}} found */
function showAnswer({ labels, probabilities, values, milliseconds, classes }) {
  const answer = labels ? labels[0] : values ? values[0].toPrecision(5) : "–";
  at("answer").textContent = String(answer);
  at("latency").textContent = `Answered in ${milliseconds.toFixed(2)} ms`;
  const best = probabilities ? `${(100 * Math.max(...probabilities)).toFixed(1)} %` : "";
  at("brief-answer").textContent = String(answer);
  at("brief-share").textContent = best;
  at("bars").replaceChildren(
    ...[...(probabilities ?? [])].map((probability, index) => {
      const line = document.createElement("li");
      const name = element("span", classes[index]);
      const bar = element("span", "");
      const share = element("span", `${(100 * probability).toFixed(1)} %`);
      bar.append(document.createElement("i"));
      bar.className = "bar";
      bar.role = "meter";
      bar.ariaValueMin = "0";
      bar.ariaValueMax = "1";
      bar.ariaLabel = `probability of ${classes[index]}`;
      fill(bar, probability, 1);
      line.className = classes[index] === answer ? "best" : "";
      line.append(name, bar, share);
      return line;
    }),
  );
}

/** @param {DriftMeter} meter */
function showDrift(meter) {
  const bits = Math.max(meter.excessBits, 0);
  const level = bits < 0.5 ? 0 : bits < 1 ? 1 : 2;
  fill(at("drift"), Math.min(bits, 2), 2);
  at("drift").dataset.level = String(level);
  const how = ["like", "a little unlike", "unlike"][level];
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
  pad = new Pad(at("pad"), at("cursor"), changed);
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

/** @param {PageAgent} agent */
async function described(agent) {
  for (;;) {
    try {
      return await agent.describe();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      log(text);
      if (!(await agent.status()).hasCloud) throw error;
    }
  }
}

async function main() {
  const config = await (await fetch("config.json", { cache: "no-cache" })).json();
  if (config.cloudPort) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    config.agent.cloud = `${scheme}://${location.hostname}:${config.cloudPort}/mqtt`;
  }
  const agent = await createAgent({ ...config.agent, assets: "../vendor/" });
  /** @type {import("./leaving.js").Known} */
  const known = { name: "", columns: [], classes: [] };
  for (const [kind, hear] of /** @type {[string, (body: any) => void][]} */ ([
    ["log", ({ text }) => {
      log(text);
      if (text.includes(" is bad on this device: ")) showRefusal(text);
      if (before.serving || config.agent.cloud) return;
      show("there is no model", "warn");
      at("wait-bar").hidden = true;
      at("wait-title").textContent = "The model cannot be loaded";
      at("wait-words").textContent = `${text}.`;
    }],
    ["status", showStatus],
    ["batch", (sent) => showBatch(sent, known)],
  ])) {
    agent.addEventListener(kind, (event) => hear(/** @type {CustomEvent} */ (event).detail));
  }
  const status = await agent.status();
  showStatus(status);
  at("switch").hidden = at("leaves-card").hidden = !status.hasCloud;
  at("offline").addEventListener("change", (event) => {
    void agent.goOffline(/** @type {HTMLInputElement} */ (event.target).checked);
  });
  const { name, classes, features } = await described(agent);
  const predictor = new Predictor(agent, classes);
  predictor.offerTruths();
  const reference = await agent.reference();
  Object.assign(known, { name, classes, columns: reference.columns });
  const meter = new DriftMeter(reference, features);
  at("wait-card").hidden = true;
  if (features.length === 64) usePad(predictor, meter);
  else useForm(features, predictor, meter);
  // Last: keeping the bundle must not take the network from the first prediction.
  void keepBundle("../service-worker.js", log);
}

main().catch((error) => {
  const text = error instanceof Error ? error.message : String(error);
  show("cannot start", "warn");
  log(text);
  at("wait-bar").hidden = true;
  at("wait-title").textContent = "This page cannot start";
  at("wait-words").textContent = `${text}. Reload the page to try again.`;
});
