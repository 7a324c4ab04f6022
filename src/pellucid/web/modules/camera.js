/** A photo from the camera: the telephone's own app, or a small viewfinder in the page. */

import { element } from "./dom.js";

/**
 * Buttons to open a file and to take a photo.
 *
 * @param {(file: File | Blob, name: string) => void} take
 * @param {(message: string) => void} complain
 */
export function pickers(take, complain) {
  const touch = matchMedia("(pointer: coarse)").matches;
  const input = (properties) => {
    const made = element("input", { type: "file", accept: "image/*", hidden: true, ...properties });
    made.addEventListener("change", () => {
      const [file] = made.files;
      if (file) take(file, file.name);
      made.value = "";
    });
    return made;
  };
  const file = input({ id: "file" });
  const parts = [file, element("button", { type: "button", onclick: () => file.click() }, "Open an image…")];
  if (touch) {
    const camera = input({ id: "camera", capture: "environment" });
    parts.push(camera, element("button", { type: "button", onclick: () => camera.click() }, "Take a photo…"));
  } else if (navigator.mediaDevices?.getUserMedia) {
    parts.push(element("button", { type: "button", onclick: () => viewfinder(take, complain) }, "Take a photo…"));
  }
  return element("div", { class: "buttons" }, ...parts);
}

async function viewfinder(take, complain) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    complain("The camera could not be opened: there is none, or the browser was not allowed to use it.");
    return;
  }
  const video = element("video", { autoplay: true, playsinline: true, muted: true });
  video.srcObject = stream;
  const dialog = element("dialog", { class: "viewfinder", "aria-label": "Camera" });
  const shoot = () => {
    const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => blob && take(blob, "photo"), "image/png");
    dialog.close();
  };
  dialog.append(
    video,
    element(
      "div",
      { class: "buttons" },
      element("button", { type: "button", onclick: shoot }, "Take the photo"),
      element("button", { type: "button", onclick: () => dialog.close() }, "Close"),
    ),
  );
  dialog.addEventListener("close", () => {
    for (const track of stream.getTracks()) track.stop();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Let an image be dropped anywhere on the page, or pasted. */
export function dropping(take) {
  const ending = new AbortController();
  const { signal } = ending;
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  }, { signal });
  for (const name of ["dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      if (!(event instanceof DragEvent) || name === "drop" || !event.relatedTarget) document.body.classList.remove("dropping");
    }, { signal });
  }
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    if (file) take(file, file.name);
  }, { signal });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((entry) => entry.type.startsWith("image/"));
    if (file) take(file, file.name || "pasted image");
  }, { signal });
  return () => ending.abort();
}
