/** Makes a package of the store ready to predict: verified, its golden vectors run here. */
import { checkGolden } from "./golden_check.js";
import { PackageError } from "./errors.js";
import { Servable } from "./servable.js";

/**
 * @typedef {object} LoadingParts
 * @property {import("./engine.js").Engine} engine
 * @property {import("./servable.js").Counting} recorder
 * @property {string} salt Of the fleet, for hashing unknown categories.
 */

/**
 * A package that can predict.
 * @param {import("./manifest.js").Package} pack
 * @param {import("./manifest.js").Layouts} layouts
 * @param {LoadingParts} parts
 * @returns {Promise<Servable>}
 * @throws {import("./errors.js").PackageError} The model cannot run here, or not as it should.
 */
export async function loaded(pack, layouts, { engine, recorder, salt }) {
  const { pre, post } = pack.manifest.processing ?? {};
  if (pre) {
    throw new PackageError(
      `package ${pack.manifest.name} needs the plugin ${pre} for preprocessing, and browsers have ` +
        "no plugins: put it into the graph (edgefleet convert --pre FILE.onnx)",
    );
  }
  if (post) console.info(`edgefleet: postprocessing ${post} is left to the page`);
  const session = await engine.load(pack, (made) => checkGolden(pack, made, engine.ort));
  return new Servable(pack, session, { ort: engine.ort, layouts, recorder, salt });
}
