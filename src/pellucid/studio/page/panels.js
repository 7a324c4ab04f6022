/** The views, in the order of the tabs. */

import { mathematics } from "./panels/maths.js";
import { seeing } from "./panels/see.js";
import { training } from "./panels/train.js";

/** @type {import("./main.js").Panel[]} */
export const PANELS = [seeing, mathematics, training];
