/** What a message that left the page says, in words. */

/**
 * @typedef {{package: string, role: string, start_unix_s: number, end_unix_s: number,
 *   counters: number[], profile: [number, any][]}} Window
 * @typedef {{name: string, columns: {subject: string, kind: string}[],
 *   classes: (string | number)[]}} Known What the page knows of the version that serves.
 */

const ROLES = {
  primary: "answers that were given",
  shadow: "a candidate, beside the answers",
  labels: "truths that were told",
};
const ORDER = Object.keys(ROLES);
const SHOWN = 3;

const format = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

/**
 * Those of answers first.
 * @param {Window[]} windows
 */
export function inOrder(windows) {
  return [...windows].sort((one, other) => ORDER.indexOf(one.role) - ORDER.indexOf(other.role));
}

/**
 * @param {Window} window
 * @param {Known} known
 * @returns {{title: string, lines: string[]}}
 */
export function inWords(window, known) {
  const [rows, calls, failures] = window.counters;
  const from = clock(window.start_unix_s);
  const title = ROLES[/** @type {keyof typeof ROLES} */ (window.role)] ?? window.role;
  const failed = failures ? `, ${failures} failed` : "";
  const called = calls ? ` in ${many(calls, "call")}` : "";
  const lines = [`${many(rows, "row")}${called}${failed}, ${from} to ${clock(window.end_unix_s)}`];
  if (window.role === "primary") lines.push(...saidOf(window.profile, known));
  else lines.push(`${many(window.profile.length, "statistic")} of them`);
  return { title, lines };
}

/**
 * @param {[number, any][]} profile
 * @param {Known} known
 */
function saidOf(profile, { columns, classes }) {
  const lines = [];
  const numbers = [];
  for (const [index, state] of profile) {
    const { kind, subject } = columns[index] ?? { kind: "", subject: "" };
    if (kind === "probabilities") {
      const counted = state[1].map((/** @type {any} */ [predicted, , [, counts]]) => {
        const count = counts.reduce((/** @type {number} */ sum, /** @type {number} */ one) => sum + one, 0);
        return `${classes[predicted]} × ${count}`;
      });
      if (counted.length) lines.push(`predicted: ${counted.join(", ")}`);
    } else if (kind === "moments" && subject.startsWith("feature:") && state[0]) {
      const [finite, , mean, , low, high] = state;
      const name = subject.slice("feature:".length);
      const text =
        `${name}: ${many(finite, "value")} from ${format.format(low)} to ${format.format(high)}, ` +
        `${format.format(mean)} on average`;
      numbers.push({ text, spread: high - low });
    }
  }
  numbers.sort((one, other) => other.spread - one.spread);
  lines.push(...numbers.slice(0, SHOWN).map(({ text }) => text));
  const more = profile.length - lines.length;
  if (more > 0) lines.push(`and ${more} more statistics: counts by bucket, averages and ranges`);
  return lines;
}

/**
 * A number of things.
 * @param {number} count
 * @param {string} what One of them.
 */
export function many(count, what) {
  return `${count.toLocaleString()} ${what}${count === 1 ? "" : "s"}`;
}

/** @param {number} unixS */
function clock(unixS) {
  return new Date(unixS * 1000).toLocaleTimeString();
}
