/**
 * Runs one Python script in Pyodide under node, with parts of the repository beside it.
 *
 *     node tests/pyodide/run_core.mjs SCRIPT TREE...
 *
 * Every TREE, a file or folder named relative to the repository, is copied to the same place below
 * /repo, which is the script's working folder and on its path. Warnings are errors, as in all
 * tests. What the script prints goes to stdout; a script that fails leaves its traceback on stderr
 * and the exit code 1.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { loadPyodide } from "../../browser/node_modules/pyodide/pyodide.mjs";

const REPOSITORY = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const INSIDE = "/repo";
const LEFT_OUT = new Set(["__pycache__", "node_modules"]);

/** Copy one file or folder of the repository into Pyodide's memory. */
function copyIn(fileSystem, tree) {
  const source = join(REPOSITORY, tree);
  if (statSync(source).isDirectory()) {
    for (const name of readdirSync(source)) {
      if (!LEFT_OUT.has(name)) {
        copyIn(fileSystem, `${tree}/${name}`);
      }
    }
    return;
  }
  fileSystem.mkdirTree(dirname(`${INSIDE}/${tree}`));
  fileSystem.writeFile(`${INSIDE}/${tree}`, readFileSync(source));
}

const [script, ...trees] = process.argv.slice(2);
if (script === undefined || trees.length === 0) {
  console.error("usage: node tests/pyodide/run_core.mjs SCRIPT TREE...");
  process.exit(2);
}

try {
  const pyodide = await loadPyodide();
  for (const tree of trees) {
    copyIn(pyodide.FS, tree);
  }
  pyodide.runPython(`
    import os, sys, warnings
    sys.path.insert(0, "${INSIDE}")
    os.chdir("${INSIDE}")
    warnings.simplefilter("error")
  `);
  pyodide.runPython(readFileSync(script, "utf8"), { filename: script });
} catch (error) {
  // The message alone: node would print the line of minified code that threw.
  console.error(error.message);
  process.exitCode = 1;
}
