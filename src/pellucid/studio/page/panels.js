/** The views, in the order of the tabs. */

import { comparing } from "./panels/compare.js";
import { mistaken } from "./panels/mistakes.js";
import { seeing } from "./panels/see.js";
import { doing } from "./panels/tools.js";

/** @type {import("./main.js").Panel[]} */
export const PANELS = [seeing, mistaken, comparing, doing];
