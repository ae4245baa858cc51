/**
 * Snapshots: what a server has counted and nobody has made batches of, kept where no crash reaches.
 *
 * Each has a name that is never written again once it was handed on; the tab with the core takes it
 * from there and makes batches of it.
 */
import { HANDED_ON } from "./store.js";

/** The snapshots of one server. */
export class Snapshots {
  #store;
  #recorder;
  #tab = crypto.randomUUID();
  #number = 0;
  #kept = 0;

  /**
   * @param {import("./store.js").Store} store
   * @param {import("./recorder.js").Recorder} recorder
   */
  constructor(store, recorder) {
    this.#store = store;
    this.#recorder = recorder;
  }

  /** A lock of this name is to be held as long as the server lives. */
  get lock() {
    return lockOf(this.#tab);
  }

  /** Keep what was counted so far; it stays countable here. */
  async keep() {
    const { changes } = this.#recorder;
    if (changes === this.#kept) return;
    const entries = this.#recorder.entries();
    if (entries.length) await this.#store.putSnapshot(this.#name, entries);
    this.#kept = changes;
  }

  /** Leave what was counted so far to the tab with the core, and begin anew. */
  async handOn() {
    const entries = this.#recorder.take();
    const name = this.#name;
    this.#number += 1;
    if (entries.length) await this.#store.handOn(name, entries);
  }

  get #name() {
    return `${this.#tab} ${this.#number}`;
  }
}

/**
 * Those that no tab will write again: handed on, or of tabs that are gone.
 * @param {import("./store.js").Store} store
 */
export async function ended(store) {
  const { held = [] } = await navigator.locks.query();
  const alive = new Set(held.map(({ name }) => name));
  return (await store.snapshots()).filter(
    ([name]) => name.startsWith(HANDED_ON) || !alive.has(lockOf(name.split(" ")[0])),
  );
}

/** @param {string} tab */
function lockOf(tab) {
  return `edgefleet tab ${tab}`;
}
