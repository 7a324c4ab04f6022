/** Which run, and which epoch of it: the controls of the bar. */

import { element, fill } from "/modules/dom.js";
import { percent } from "/modules/numbers.js";

/** The controls; `update` after the address has changed. */
export function chooser(studio) {
  const runs = element("select", { "aria-label": "Run", onchange: () => studio.go({ run: runs.value, epoch: null, image: null, unit: null }) });
  const slider = element("input", { type: "range", min: 0, step: 1, "aria-label": "Epoch", oninput: () => move() });
  const shown = element("output", {});
  const stepping = (text, title, by) => element("button", { type: "button", class: "beside-epoch", "aria-label": title, title, onclick: () => {
    slider.value = String(Number(slider.value) + by);
    move();
  } }, text);
  const before = stepping("◀", "An epoch earlier", -1);
  const after = stepping("▶", "An epoch later", 1);
  const epoch = element("div", { class: "epoch", hidden: true }, element("span", { class: "quiet" }, "epoch"), before, slider, after, shown);
  let epochs = [];
  const move = () => {
    const chosen = epochs[Number(slider.value)];
    if (chosen !== undefined) studio.go({ epoch: chosen }, { replace: true });
  };
  const update = async () => {
    const name = studio.get("run");
    fill(runs, ...studio.runs.map((run) => element("option", { value: run.name, selected: run.name === name }, titleOf(run))));
    runs.hidden = !studio.runs.length;
    runs.value = name ?? "";
    if (!name) return;
    const facts = await studio.trying(() => studio.factsOf(name));
    if (!facts || studio.get("run") !== name) return;
    ({ epochs } = facts);
    epoch.hidden = epochs.length < 1;
    slider.max = String(Math.max(0, epochs.length - 1));
    slider.disabled = epochs.length < 2;
    for (const button of [before, after]) button.hidden = epochs.length < 2;
    const chosen = Number(studio.get("epoch") ?? facts.default_epoch);
    slider.value = String(Math.max(0, epochs.indexOf(chosen)));
    shown.textContent = `${chosen} of ${epochs.at(-1) ?? 0}`;
    before.disabled = Number(slider.value) === 0;
    after.disabled = Number(slider.value) >= epochs.length - 1;
    slider.setAttribute("aria-valuetext", `epoch ${chosen}`);
  };
  return { run: runs, epoch, update };
}

function titleOf(run) {
  const score = run.accuracy === null ? run.status : percent(run.accuracy);
  return `${run.name} – ${run.network}, ${score}`;
}
