/** The views, in the order of the tabs. */

import { comparing } from "./panels/compare.js";
import { mathematics } from "./panels/maths.js";
import { mistaken } from "./panels/mistakes.js";
import { seeing } from "./panels/see.js";
import { doing } from "./panels/tools.js";
import { training } from "./panels/train.js";

/** @type {import("./main.js").Panel[]} */
export const PANELS = [seeing, mathematics, training, mistaken, comparing, doing];
