/** The views, in the order of the tabs. */

import { mathematics } from "./panels/maths.js";
import { seeing } from "./panels/see.js";

/** @type {import("./main.js").Panel[]} */
export const PANELS = [seeing, mathematics];
