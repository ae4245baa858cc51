/** Errors by who has to act, as `edge_contract/errors.py` has them. */

/** The caller did something wrong. */
export class UsageError extends Error {
  name = "UsageError";
}

/** A package is damaged or was tampered with; trying again does not help. */
export class PackageError extends Error {
  name = "PackageError";
}

/** Something is out of reach now; the same call may succeed later. */
export class UnavailableError extends Error {
  name = "UnavailableError";
}

/**
 * What an error says, in one line: the last one of a traceback of Python's.
 * @param {unknown} error
 */
export function saying(error) {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.trim().split("\n");
  return lines[0].startsWith("Traceback") ? lines[lines.length - 1] : lines[0];
}
