/**
 * Runs a script in the CPython of npm's Pyodide, under node.
 *
 *     node run_python.mjs NODE_MODULES PACKAGES WORK SCRIPT
 *
 * The folder PACKAGES is on the script's path; the folder WORK is its working folder.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [npm, packages, work, script] = process.argv.slice(2).map((path) => resolve(path));
const { loadPyodide } = await import(pathToFileURL(`${npm}/pyodide/pyodide.mjs`).href);
try {
  const pyodide = await loadPyodide();
  for (const [inside, root] of [["/packages", packages], ["/work", work]]) {
    pyodide.FS.mkdirTree(inside);
    pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root }, inside);
  }
  pyodide.runPython(`
    import os, sys
    sys.path.insert(0, "/packages")
    os.chdir("/work")
  `);
  pyodide.runPython(readFileSync(script, "utf8"), { filename: script });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
