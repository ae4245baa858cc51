/** What the benchmark of browsers asks of a page; times in milliseconds. */
import { createAgent } from "./src/edgefleet.js";

const assets = new URL("./vendor/", location.href).href;

/** The peer's side in the page. */
class Plain {
  #worker = new Worker(new URL("plain_worker.js", location.href), { type: "module" });
  #calls = 0;
  #open = new Map();

  constructor() {
    this.#worker.onmessage = ({ data: { call, result } }) => {
      this.#open.get(call)(result);
      this.#open.delete(call);
    };
  }

  end() {
    this.#worker.terminate();
  }

  /** @param {any} message */
  call(message) {
    this.#calls += 1;
    const call = this.#calls;
    return new Promise((resolve) => {
      this.#open.set(call, resolve);
      this.#worker.postMessage({ call, ...message });
    });
  }
}

/** @param {string} model @param {number} width */
async function inThisThread(model) {
  const ort = await import(`${assets}ort/ort.wasm.min.mjs`);
  ort.env.wasm.wasmPaths = `${assets}ort/`;
  ort.env.wasm.numThreads = 1;
  const data = new Uint8Array(await (await fetch(model)).arrayBuffer());
  const session = await ort.InferenceSession.create(data, { executionProviders: ["wasm"] });
  return async (rows, shape) => {
    const found = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", rows, shape) });
    return session.outputNames.map((name) => found[name].data);
  };
}

/** @param {() => Promise<any>} call @param {number} times @param {number[]} into */
async function timed(call, times, into) {
  for (let i = 0; i < times; i += 1) {
    const began = performance.now();
    await call();
    into.push(performance.now() - began);
  }
}

/** Time from here to a first prediction. */
window.firstPlain = async ({ model, width }) => {
  const began = performance.now();
  const plain = new Plain();
  await plain.call({ start: { assets, model } });
  await plain.call({ rows: new Float32Array(width), shape: [1, width] });
  return performance.now() - began;
};

/** Time from here to a first prediction, and to the full agent. */
window.firstAgent = async ({ options, width }) => {
  const began = performance.now();
  const agent = await createAgent(options);
  window.agent = agent;
  const full = new Promise((resolve) => {
    agent.addEventListener("status", ({ detail }) => {
      if (detail.hasCore) resolve(performance.now() - began);
    });
  });
  await agent.predict(new Float32Array(width));
  const first = performance.now() - began;
  return { first, full: options.cloud ? await full : 0 };
};

/** Calls of agent and peers in turns. */
window.latencies = async ({ options, model, width, batch, rounds, times }) => {
  const agent = await createAgent(options);
  // Python's start is timed elsewhere; here it would take from all sides what they need.
  while (options.cloud && !(await agent.status()).hasCore) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const plain = new Plain();
  await plain.call({ start: { assets, model } });
  const here = await inThisThread(model);
  const rows = Float32Array.from({ length: batch * width }, (_, place) => (place * 7919) % 17);
  const shape = [batch, width];
  const found = { agent: [], worker: [], page: [] };
  // A page that has been open for a while: a small model has come into its thread.
  for (const call of [() => agent.predict(rows), () => plain.call({ rows, shape }), () => here(rows, shape)]) {
    await timed(call, Math.max(times, 100), []);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  for (let round = 0; round < rounds; round += 1) {
    await timed(() => agent.predict(rows), times, found.agent);
    await timed(() => plain.call({ rows, shape }), times, found.worker);
    await timed(() => here(rows, shape), times, found.page);
  }
  await agent.close();
  return found;
};

/** Load a model again and again with onnxruntime-web alone, each time in a new worker, until `stopped`. */
window.loadAlone = async ({ model, times }) => {
  for (let time = 0; time < times; time += 1) {
    const plain = new Plain();
    await plain.call({ start: { assets, model } });
    plain.end();
  }
};

/** Predict without a pause until `stopped`; the longest time without an answer. */
window.through = async ({ row }) => {
  const { agent } = window;
  const versions = new Set();
  let [failed, calls, longest, last] = [0, 0, 0, performance.now()];
  window.stopped = false;
  while (!window.stopped) {
    try {
      versions.add((await agent.predict(row)).model);
    } catch {
      failed += 1;
    }
    calls += 1;
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  return { failed, calls, longest, versions: [...versions] };
};

window.memory = async () => (await performance.measureUserAgentSpecificMemory()).bytes;
window.loaded = true;
