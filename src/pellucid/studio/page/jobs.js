/** Jobs of the server: what they print, how far they are, and a button that stops them. */

import { element, fill } from "/modules/dom.js";
import { counted } from "/modules/numbers.js";
import { addressOf, ask, mayWrite, send } from "./server.js";

const BETWEEN = 700;

/** Seconds as people say them. */
export function duration(seconds) {
  if (seconds < 90) return counted(Math.max(1, Math.round(seconds)), "second");
  return seconds < 5400 ? counted(Math.round(seconds / 60), "minute") : counted(Math.round(seconds / 3600), "hour");
}

/**
 * Show a job until it has ended.
 *
 * @param {import("./main.js").Studio} studio
 * @param {any} job what the server said of it
 * @param {(job: any) => void} ended called once, also where it failed or was stopped
 */
export function jobView(studio, job, ended = () => {}) {
  const state = element("p", { class: "job-state", role: "status" });
  const bar = element("progress", { "aria-label": "How far it is", hidden: true });
  const log = element("pre", { class: "log", tabindex: 0, "aria-label": "What it printed" });
  const stop = element("button", { type: "button", onclick: () => studio.trying(async () => show(await send("/api/jobs/stop", { job: job.job }))) }, "Stop");
  const root = element("div", { class: "job", "data-job": job.job }, state, bar, stop, log);
  let told = false;
  const show = (said) => {
    root.dataset.state = said.state;
    state.textContent = sentenceOf(said);
    const running = said.state === "running";
    stop.hidden = !running;
    stop.disabled = said.stopping;
    bar.hidden = !running;
    if (said.progress?.total) {
      bar.max = said.progress.total;
      bar.value = said.progress.done;
    } else bar.removeAttribute("value");
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    log.textContent = said.lines.join("\n");
    log.hidden = !said.lines.length;
    if (atEnd && running) log.scrollTop = log.scrollHeight;
    if (!running && !told) {
      told = true;
      log.scrollTop = 0; // what it found stands first
      ended(said);
    }
    return running;
  };
  const next = async () => {
    if (!root.isConnected) return; // the view was left; the job goes on
    try {
      if (!show(await ask("/api/job", { job: job.job }))) return;
    } catch (error) {
      state.textContent = error.message;
      return;
    }
    setTimeout(next, BETWEEN);
  };
  if (show(job)) setTimeout(next, BETWEEN);
  return root;
}

function sentenceOf(job) {
  const took = duration(job.seconds);
  if (job.state === "done") return `Done in ${took}.`;
  if (job.state === "stopped") return `Stopped after ${took}.`;
  if (job.state === "failed") return `It could not be done (${took}):`;
  if (job.stopping) return "Stopping …";
  const { progress } = job;
  if (!progress) return `Running for ${took}.`;
  const share = progress.total ? `${progress.done.toLocaleString("en")} of ${progress.total.toLocaleString("en")}` : progress.done.toLocaleString("en");
  const left = progress.left === null ? "" : `; about ${duration(progress.left)} left`;
  return `Running for ${took}: ${progress.what}, ${share}${left}.`;
}

const kept = new Map();
const MOST_KEPT = 200;

/** Forget answers, after what they depend on has changed. */
export function forgetAnswers() {
  kept.clear();
}

/** Read JSON, once for each address. */
export function asked(path, parameters) {
  const key = addressOf(path, parameters);
  if (!kept.has(key)) {
    const answer = ask(path, parameters).catch((error) => {
      kept.delete(key);
      throw error;
    });
    kept.set(key, answer);
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  }
  return kept.get(key);
}

/**
 * Read what may take long: where the server says so, offer it as a job that can be stopped.
 *
 * @param {import("./main.js").Studio} studio
 * @param {HTMLElement} place
 * @param {{path: string, parameters: Record<string, any>, start: string, question: string}} what
 * @param {(answer: any) => Node} show
 */
export async function slowly(studio, place, { path, parameters, start, question }, show) {
  const key = addressOf(path, parameters);
  const waiting = setTimeout(() => fill(place, element("p", { class: "quiet", role: "status" }, "Computing …")), 200);
  let answer;
  try {
    answer = await asked(path, parameters);
  } catch (error) {
    fill(place, element("p", { class: "refused" }, error.message));
    throw error;
  } finally {
    clearTimeout(waiting);
  }
  if (answer.slow === undefined) {
    fill(place, show(answer));
    return;
  }
  const begin = () =>
    studio.trying(async () => {
      const job = await send(start, { ...parameters, question });
      fill(
        place,
        jobView(studio, job, (ended) => {
          if (ended.state !== "done") {
            button.textContent = "Start again";
            place.append(button);
            return;
          }
          kept.set(key, Promise.resolve(ended.answer));
          fill(place, show(ended.answer));
        }),
      );
    });
  const button = element("button", { type: "button", disabled: !mayWrite(), onclick: begin }, "Start");
  fill(place, element("p", {}, `This takes about ${duration(answer.slow)} with this network. It can be stopped.`), button, whyNot());
}

/** Why buttons that start something do not, where they do not. */
export function whyNot() {
  if (mayWrite()) return null;
  return element("p", { class: "quiet" }, "This page may only look: open the studio by the address that it printed to start something.");
}
