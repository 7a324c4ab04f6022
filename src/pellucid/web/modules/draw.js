/** Maps and pixels on a canvas: blue above zero, orange below, the surface itself is zero; pixels stay pixels. */

const STEPS = 256;
let kept = null;
const styled = new Set();

/** Take the colours from an element of its own rather than from the whole page, as a widget in another's page does. */
export function takeColoursFrom(element) {
  styled.add(element);
}

/** Colours of the style sheet, which has them from pellucid's one table, as red, green, blue. */
function colours() {
  for (const element of styled) if (!element.isConnected) styled.delete(element);
  const [own = document.documentElement] = styled;
  const style = getComputedStyle(own);
  const read = (name) => {
    const text = style.getPropertyValue(`--${name}`).trim();
    return [1, 3, 5].map((start) => parseInt(text.slice(start, start + 2), 16));
  };
  const names = [read("negative"), read("zero"), read("positive")];
  const key = names.join();
  if (kept?.key !== key) {
    const [negative, zero, positive] = names;
    const mix = (end, share) => zero.map((from, channel) => Math.round(from + share * (end[channel] - from)));
    const table = new Uint8ClampedArray(4 * (2 * STEPS + 1)).fill(255);
    for (let step = -STEPS; step <= STEPS; step += 1) {
      table.set(mix(step < 0 ? negative : positive, Math.abs(step) / STEPS), 4 * (step + STEPS));
    }
    kept = { key, table };
  }
  return kept.table;
}

/** Forget the colours, after the scheme has changed. */
export function forgetColours() {
  kept = null;
}

/** The colour of a number whose scale ends at `end`, as CSS has it. */
export function colourOf(number, end) {
  const table = colours();
  const at = 4 * (stepOf(number, end) + STEPS);
  return `rgb(${table[at]},${table[at + 1]},${table[at + 2]})`;
}

/** Black or white, whichever can be read on a number's colour. */
export function inkOn(number, end) {
  const table = colours();
  const at = 4 * (stepOf(number, end) + STEPS);
  const linear = (channel) => {
    const share = table[at + channel] / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  const luminance = 0.2126 * linear(0) + 0.7152 * linear(1) + 0.0722 * linear(2);
  return luminance > 0.179 ? "#000" : "#fff";
}

function stepOf(number, end) {
  if (!(end > 0) || Number.isNaN(number)) return 0;
  return Math.max(-STEPS, Math.min(STEPS, Math.round((STEPS * number) / end)));
}

/**
 * Paint numbers, one pixel each.
 *
 * @param {HTMLCanvasElement} canvas gets the map's own size; CSS enlarges it by a whole multiple
 * @param {ArrayLike<number>} data
 * @param {{start: number, count: number, height: number, width: number}} part which numbers
 * @param {number} end where the colours are deepest
 */
export function paintMap(canvas, data, part, end) {
  const table = new Uint32Array(colours().buffer); // a whole pixel at once
  const { start, count, height, width } = part;
  const picture = prepared(canvas, height, width);
  const pixels = new Uint32Array(picture.data.buffer);
  const last = Math.min(count, height * width);
  for (let at = 0; at < last; at += 1) pixels[at] = table[stepOf(data[start + at], end) + STEPS];
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** Paint bytes, grey or red-green-blue, as `[H, W, C]`. */
export function paintPixels(canvas, bytes, height, width, channels) {
  const picture = prepared(canvas, height, width);
  for (let at = 0; at < height * width; at += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      picture.data[4 * at + channel] = bytes[at * channels + (channels === 3 ? channel : 0)];
    }
    picture.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

function prepared(canvas, height, width) {
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext("2d").createImageData(width, height);
}

/** The whole multiple at which a map fits into so many CSS pixels, at least 1. */
export function multiple(height, width, room) {
  return Math.max(1, Math.floor(room / Math.max(height, width)));
}

/** The same for a strip of maps: those far larger than the room are made smaller, by a whole number. */
export function stripMultiple(height, width, room) {
  const longer = Math.max(height, width);
  return longer > 1.4 * room ? 1 / Math.ceil(longer / (1.4 * room)) : multiple(height, width, room);
}

/** Enlarge a canvas by a whole multiple; one that is made smaller is smoothed. */
export function enlarge(canvas, height, width, times) {
  canvas.style.imageRendering = times < 1 ? "auto" : "pixelated";
  canvas.style.width = `${width * times}px`;
  canvas.style.height = `${height * times}px`;
}

/** Put a frame around rows and columns of a map that is enlarged by a whole multiple. */
export function placeField(frame, { top, left, bottom, right }, times) {
  Object.assign(frame.style, {
    left: `${left * times}px`,
    top: `${top * times}px`,
    width: `${(right - left + 1) * times}px`,
    height: `${(bottom - top + 1) * times}px`,
  });
}
