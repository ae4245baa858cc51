/** Parts of the page, by their names, and what is written into them. */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
export const at = (id) => /** @type {T} */ (document.getElementById(id));

const LOGGED = 50;

/**
 * @param {string} text
 * @param {string} tone
 */
export function show(text, tone) {
  at("state").textContent = text;
  at("state").className = `pill ${tone}`;
}

/** @param {string} text */
export function log(text) {
  const line = document.createElement("li");
  line.append(element("time", new Date().toLocaleTimeString()), element("span", text));
  at("log").prepend(line);
  while (at("log").children.length > LOGGED) at("log").lastElementChild?.remove();
}

/**
 * @param {string} kind
 * @param {unknown} text
 */
export function element(kind, text) {
  const made = document.createElement(kind);
  made.textContent = String(text);
  return made;
}

/**
 * @param {HTMLElement} bar
 * @param {number} value
 * @param {number} most
 */
export function fill(bar, value, most) {
  bar.ariaValueNow = value.toFixed(3);
  /** @type {HTMLElement} */ (bar.firstElementChild).style.width = `${(100 * value) / most}%`;
}
