/**
 * Snapshots: what a tab has counted and nobody has made batches of, kept where a crash cannot reach.
 *
 * Each has a name that is never written again once it has ended. A tab with the core turns its own
 * into batches; another hands it on, and the tab with the core takes it from there.
 */
import { HANDED_ON } from "./store.js";

/** The snapshots of one tab. */
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

  /** A lock of this name is to be held as long as the tab lives. */
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
    const name = this.end();
    if (entries.length) await this.#store.handOn(name, entries);
  }

  /** End the snapshot whose rows were just taken from the recorder, and return its name. */
  end() {
    const name = this.#name;
    this.#number += 1;
    return name;
  }

  /** Those that no tab will write again: handed on, or of tabs that are gone. */
  async ended() {
    const { held = [] } = await navigator.locks.query();
    const alive = new Set(held.map(({ name }) => name));
    return (await this.#store.snapshots()).filter(
      ([name]) => name.startsWith(HANDED_ON) || !alive.has(lockOf(name.split(" ")[0])),
    );
  }

  get #name() {
    return `${this.#tab} ${this.#number}`;
  }
}

/** @param {string} tab */
function lockOf(tab) {
  return `edgefleet tab ${tab}`;
}
