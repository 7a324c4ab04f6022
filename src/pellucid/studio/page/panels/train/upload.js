/** A folder or an archive that is dropped or chosen, taken in file by file into a new folder among the runs. */

import { element } from "/modules/dom.js";
import { counted } from "/modules/numbers.js";
import { mayWrite, send, sendFile } from "../../server.js";

const ARCHIVE = /\.(zip|tar|tar\.gz|tgz|tar\.bz2|tar\.xz)$/i;
const AT_ONCE = 4;

/**
 * The place to drop images on.
 *
 * @param {(path: string) => void} taken called with the path of what was taken in
 */
export function takeIn(studio, taken) {
  const status = element("p", { class: "quiet", role: "status" });
  const picker = (text, properties) => {
    const input = element("input", { type: "file", hidden: true, ...properties, onchange: () => start([...input.files].map((file) => [file.webkitRelativePath || file.name, file])) });
    return [element("button", { type: "button", onclick: () => input.click() }, text), input];
  };
  const start = (files) => studio.trying(() => upload(files, status, taken));
  const place = element(
    "div",
    {
      class: "drop",
      ondragover: (event) => { event.preventDefault(); place.classList.add("over"); },
      ondragleave: () => place.classList.remove("over"),
      ondrop: (event) => {
        event.preventDefault();
        event.stopPropagation();
        place.classList.remove("over");
        const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
        studio.trying(async () => start((await Promise.all(entries.map((entry) => filesOf(entry, "")))).flat()));
      },
    },
    element("span", {}, "Drop a folder of your images (with a folder for each class) or a .zip of one here, or "),
    ...picker("choose a folder", { webkitdirectory: true }),
    ...picker("choose an archive", { accept: ".zip,.tar,.tgz,.gz,.bz2,.xz" }),
    status,
  );
  return place;
}

async function upload(files, status, taken) {
  const plain = files.filter(([path]) => !path.split("/").some((part) => part.startsWith(".")));
  if (!plain.length) return;
  if (!mayWrite()) throw new Error("open the studio by the address that it printed to give it images");
  const first = plain[0][0];
  const alone = plain.length === 1 && !first.includes("/") && ARCHIVE.test(first);
  const top = alone ? first.replace(ARCHIVE, "") : first.includes("/") ? first.split("/")[0] : "images";
  const { upload: name, path } = await send("/api/training/upload", { name: top });
  let done = 0;
  const waiting = [...plain];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [full, file] = next;
      await sendFile("/api/training/file", file, { upload: name, path: full.startsWith(`${top}/`) ? full.slice(top.length + 1) : full });
      done += 1;
      status.textContent = `${done.toLocaleString("en")} of ${counted(plain.length, "file")} taken in …`;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  status.textContent = `${counted(done, "file")} taken in, into ${path}.`;
  taken(alone ? `${path}/${first}` : path);
}

async function filesOf(entry, prefix) {
  if (entry.isFile) return [[prefix + entry.name, await new Promise((resolve, reject) => entry.file(resolve, reject))]];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return files;
    for (const inner of some) files.push(...(await filesOf(inner, `${prefix}${entry.name}/`)));
  }
}
