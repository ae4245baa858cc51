/** The peer: onnxruntime-web alone, in a worker, as a page has it that wants to stay responsive. */

/** @type {any} */
let session;
/** @type {any} */
let ort;

self.onmessage = async ({ data: { call, start, rows, shape } }) => {
  if (start) {
    ort = await import(`${start.assets}ort/ort.wasm.min.mjs`);
    ort.env.wasm.wasmPaths = `${start.assets}ort/`;
    ort.env.wasm.numThreads = 1;
    const model = new Uint8Array(await (await fetch(start.model)).arrayBuffer());
    session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
    self.postMessage({ call, result: session.inputNames });
    return;
  }
  const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", rows, shape) };
  const found = await session.run(feeds);
  const result = session.outputNames.map((/** @type {string} */ name) => found[name].data);
  self.postMessage({ call, result });
};
