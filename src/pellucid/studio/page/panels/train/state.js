/** What a training is doing, in words. */

import { counted, percent } from "/modules/numbers.js";

const SPLITS = { test: "test images", val: "validation images", train: "training images" };

/** One word and a sign, so that it is not told by colour alone. */
export const SIGNS = {
  starting: ["◌", "starting"],
  training: ["●", "training"],
  evaluating: ["●", "being evaluated"],
  stopped: ["❚❚", "stopped"],
  finished: ["✓", "finished"],
  failed: ["✗", "did not start"],
  damaged: ["✗", "cannot be read"],
};

/** How far, and how well. */
export function scoreOf(run) {
  const parts = [];
  if (run.epochs !== null && run.state !== "finished") parts.push(`epoch ${run.epoch} of ${run.epochs}`);
  if (run.score !== null && run.score !== undefined) parts.push(`${percent(run.score)} of ${SPLITS[run.split] ?? run.split}`);
  return parts.join(" · ");
}

/** One true sentence about the run that is watched. */
export function sentenceOf(run, history, stopping) {
  const { name, state } = run;
  const score = run.score === null || run.score === undefined ? "" : ` It classifies ${percent(run.score)} of its ${SPLITS[run.split] ?? run.split} correctly.`;
  if (state === "starting") return `${name} is starting: it opens its images and makes its network.`;
  if (state === "damaged") return `${name} cannot be read.`;
  if (state === "failed") return `${name} did not start.`;
  if (state === "evaluating") return `${name} has trained its ${counted(run.epochs, "epoch")} and is being evaluated.`;
  if (state === "finished") return `${name} is finished, after ${counted(run.epochs, "epoch")}.${score}`;
  if (state === "stopped") {
    const far = run.epoch ? `after epoch ${run.epoch} of ${run.epochs}` : "within its first epoch";
    return `${name} is stopped ${far}. Everything is kept: continued, it ends with the same weights as if it had never stopped.`;
  }
  if (stopping) return `${name} is asked to stop: it finishes its step and keeps everything.`;
  if (run.is_fitted) return `${name} is training: the features of its images are computed, then its last layer is fitted.`;
  const pace = history.stepsPerSecond();
  const total = run.steps_per_epoch ? run.steps_per_epoch * run.epochs : null;
  const parts = [`${name} is training: epoch ${Math.min(run.epoch + 1, run.epochs)} of ${run.epochs}`];
  if (total) parts.push(`step ${run.progress.step.toLocaleString("en")} of ${run.is_exact ? "" : "about "}${total.toLocaleString("en")}`);
  if (pace) parts.push(`${Math.round(pace * run.batch_size).toLocaleString("en")} images a second`);
  if (pace && total) parts.push(`${duration((total - run.progress.step) / pace)} left`);
  return `${parts.join(", ")}.`;
}

/** A time as people say it. */
export function duration(seconds) {
  if (!(seconds >= 0)) return "some time";
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${(seconds / 3600).toFixed(1)} h`;
}
