/**
 * Strokes drawn on a pad to the pixels a digit network was trained on.
 *
 * As the digits of MNIST were made (LeCun et al. 1998): scaled in proportion into a box of 20 × 20 pixels, antialiased
 * to grey levels, and moved by whole pixels until the centre of mass is the centre of 28 × 28. The pen is as thick as
 * the training digits' pen after scaling, however large somebody draws. All in plain arithmetic, so that every machine
 * gives the same pixels.
 */

const SAMPLES = 8;

/**
 * @typedef {{size: number, box: number, pen: number}} DigitFrame
 *   the image's side, the box the ink fills, and the pen's width, in pixels
 */

/**
 * @param {{x: number, y: number}[][]} strokes points in any unit, y downwards
 * @param {DigitFrame} frame
 * @returns {Uint8Array | null} `size · size` grey levels, ink bright; null where nothing is drawn
 */
export function digitPixels(strokes, frame) {
  const drawn = strokes.filter((stroke) => stroke.length);
  if (!drawn.length) return null;
  const box = boxPixels(scaledStrokes(drawn, frame), frame);
  return centred(box, frame);
}

/** Scale strokes so that they, with the pen's width around them, fill the box along their longer side. */
export function scaledStrokes(strokes, frame) {
  const points = strokes.flat();
  const left = Math.min(...points.map((point) => point.x));
  const top = Math.min(...points.map((point) => point.y));
  const width = Math.max(...points.map((point) => point.x)) - left;
  const height = Math.max(...points.map((point) => point.y)) - top;
  const room = frame.box - frame.pen;
  const longer = Math.max(width, height);
  const scale = longer > 0 ? room / longer : 0;
  const moveX = (frame.box - width * scale) / 2;
  const moveY = (frame.box - height * scale) / 2;
  return strokes.map((stroke) =>
    stroke.map((point) => ({ x: (point.x - left) * scale + moveX, y: (point.y - top) * scale + moveY })),
  );
}

/** The share of each pixel of the box that the pen covers, 0 to 255, from 8 × 8 samples a pixel. */
export function boxPixels(strokes, frame) {
  const { box, pen } = frame;
  const fine = box * SAMPLES;
  const covered = new Uint8Array(fine * fine);
  const radius = pen / 2;
  for (const stroke of strokes) {
    for (let at = 0; at < stroke.length; at += 1) {
      cover(covered, fine, stroke[at], stroke[Math.min(at + 1, stroke.length - 1)], radius);
    }
  }
  const pixels = new Float64Array(box * box);
  for (let y = 0; y < fine; y += 1) {
    for (let x = 0; x < fine; x += 1) {
      const pixel = Math.floor(y / SAMPLES) * box + Math.floor(x / SAMPLES);
      pixels[pixel] += covered[y * fine + x];
    }
  }
  return pixels.map((count) => Math.round((255 * count) / (SAMPLES * SAMPLES)));
}

function cover(covered, fine, from, to, radius) {
  const bound = (value) => Math.max(0, Math.min(fine - 1, Math.floor(value * SAMPLES)));
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = dx * dx + dy * dy;
  for (let row = bound(Math.min(from.y, to.y) - radius); row <= bound(Math.max(from.y, to.y) + radius); row += 1) {
    for (let column = bound(Math.min(from.x, to.x) - radius); column <= bound(Math.max(from.x, to.x) + radius); column += 1) {
      const x = (column + 0.5) / SAMPLES;
      const y = (row + 0.5) / SAMPLES;
      const along = length ? Math.max(0, Math.min(1, ((x - from.x) * dx + (y - from.y) * dy) / length)) : 0;
      const awayX = x - from.x - along * dx;
      const awayY = y - from.y - along * dy;
      if (awayX * awayX + awayY * awayY <= radius * radius) covered[row * fine + column] = 1;
    }
  }
}

/** Put the box into the image, its centre of mass nearest to the image's centre. */
export function centred(box, frame) {
  const { size } = frame;
  const side = frame.box;
  let mass = 0;
  let massX = 0;
  let massY = 0;
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const ink = box[y * side + x];
      mass += ink;
      massX += ink * (x + 0.5);
      massY += ink * (y + 0.5);
    }
  }
  const room = size - side;
  const shift = (centre) => Math.max(0, Math.min(room, Math.round(size / 2 - centre)));
  const left = mass ? shift(massX / mass) : Math.round(room / 2);
  const top = mass ? shift(massY / mass) : Math.round(room / 2);
  const pixels = new Uint8Array(size * size);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) pixels[(y + top) * size + x + left] = box[y * side + x];
  }
  return pixels;
}
