"use strict";
(() => {
  // Every photo opens in a dialog, at a whole multiple of its pixels where it fits.
  const dialog = document.getElementById("photo");
  const holder = document.getElementById("photo-image");
  const words = document.getElementById("photo-words");
  for (const button of document.querySelectorAll(".photo")) {
    button.addEventListener("click", () => {
      const small = button.querySelector("img");
      const image = new Image();
      image.src = small.src;
      image.alt = words.textContent = small.alt;
      holder.replaceChildren(image);
      const room = Math.min((innerWidth - 64) / small.naturalWidth, (innerHeight - 160) / small.naturalHeight);
      const scale = room >= 1 ? Math.floor(room) : room;
      image.style.width = `${scale * small.naturalWidth}px`;
      dialog.showModal();
    });
  }
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();
(() => {
  const holder = document.getElementById("cells");
  const dialog = document.getElementById("cell");
  if (!holder || !dialog) return;
  const { names, counts, cells, sprites, trace } = JSON.parse(holder.textContent);
  const title = document.getElementById("cell-title");
  const order = document.getElementById("cell-order");
  const images = document.getElementById("cell-images");
  const detail = document.getElementById("cell-detail");
  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\"'\"'")}'`);

  function describe(true_, predicted, [, source, probability, trueProbability]) {
    const facts = [`${source}: ${names[predicted]} ${percent(probability)}`];
    if (true_ !== predicted) facts.push(`${names[true_]} ${percent(trueProbability)}`);
    return facts.join(", ");
  }

  function show(true_, predicted, item, button) {
    for (const other of images.children) other.setAttribute("aria-pressed", String(other === button));
    const large = button.cloneNode();
    large.className = `thumb large row-${true_}`;
    large.tabIndex = -1;
    large.removeAttribute("aria-pressed");
    const line = document.createElement("p");
    line.textContent = describe(true_, predicted, item);
    const command = document.createElement("code");
    command.className = "command";
    command.textContent = `${trace} ${quoted(item[1])}`;
    detail.replaceChildren(large, line, command);
  }

  function open(key) {
    const [true_, predicted] = key.split("-").map(Number);
    const items = cells[key] || [];
    const count = counts[key] || 0;
    title.textContent = true_ === predicted
      ? `${count.toLocaleString("en")} ${names[true_]}, classified correctly`
      : `${count.toLocaleString("en")} ${names[true_]} predicted as ${names[predicted]}`;
    const first = true_ === predicted ? "least confident first" : "most confident first";
    order.textContent = !items.length
      ? (count ? "Their images are not in this report." : "No image.")
      : items.length < count ? `${items.length} of them, ${first}` : first;
    detail.replaceChildren();
    const [columns, rows] = sprites[true_] || [1, 1];
    images.replaceChildren(...items.map((item) => {
      const button = document.createElement("button");
      const x = item[0] % columns, y = Math.floor(item[0] / columns);
      button.className = `thumb row-${true_}`;
      button.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
      button.style.backgroundPosition = `${100 * x / Math.max(1, columns - 1)}% ${100 * y / Math.max(1, rows - 1)}%`;
      button.setAttribute("aria-label", describe(true_, predicted, item));
      button.title = describe(true_, predicted, item);
      button.addEventListener("click", () => show(true_, predicted, item, button));
      return button;
    }));
    if (items.length) show(true_, predicted, items[0], images.firstElementChild);
    dialog.showModal();
  }

  for (const button of document.querySelectorAll("[data-cell]")) {
    button.addEventListener("click", () => open(button.dataset.cell));
  }
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  // In the matrix one cell at a time can be reached by Tab; arrow keys move to the others.
  document.getElementById("matrix")?.addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const from = event.target.dataset?.cell;
    if (!move || !from) return;
    const [row, column] = from.split("-").map(Number);
    const to = document.querySelector(`#matrix [data-cell="${row + move[0]}-${column + move[1]}"]`);
    if (!to) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  });
})();
