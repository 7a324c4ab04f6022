/**
 * Files, photos and drawings to the bytes that a network takes: upright, 8 bits, grey or red-green-blue, on white.
 *
 * A PNG gives the same bytes as in Python. A JPEG may differ by a little: browsers decode it with code of their own.
 */

/** Why an image cannot be used, in words for people. */
export class ImageError extends Error {}

const MOST_PIXELS = 60_000_000;

/**
 * @param {Blob} file
 * @param {1 | 3} channels
 * @returns {Promise<{bytes: Uint8Array, height: number, width: number, note: string}>}
 */
export async function imageOf(file, channels) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
      imageOrientation: "from-image",
    });
  } catch {
    const kind = file.type || "unknown kind";
    throw new ImageError(`This browser cannot read ${file instanceof File ? file.name : "the image"} (${kind}). Try a PNG or a JPEG.`);
  }
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) {
    bitmap.close();
    throw new ImageError(`${width} × ${height} pixels are more than a page can hold; make the image smaller first.`);
  }
  const rgba = readBitmap(bitmap);
  bitmap.close();
  const exact = /png|bmp|gif/.test(file.type);
  const note = exact || !file.type ? "" : "Browsers decode such files slightly differently from Python; last digits may differ.";
  return { bytes: onWhite(rgba, channels), height, width, note };
}

/** Read what a canvas shows. */
export function canvasImage(canvas, channels) {
  const { width, height } = canvas;
  const rgba = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  return { bytes: onWhite(rgba, channels), height, width, note: "" };
}

function readBitmap(bitmap) {
  const { width, height } = bitmap;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new ImageError(`${width} × ${height} pixels are more than this browser's canvas can hold.`);
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  for (let at = 3; at < data.length; at += 4) {
    // A canvas multiplies colours by their opacity and rounds; what is transparent is read another way.
    if (data[at] < 255) return readByTexture(bitmap) ?? data;
  }
  return data;
}

/** Read a bitmap through a texture, which leaves colours as they are; null where there is no WebGL. */
function readByTexture(bitmap) {
  const { width, height } = bitmap;
  const canvas = document.createElement("canvas");
  const gl = canvas.getContext("webgl", { alpha: true, premultipliedAlpha: false, antialias: false });
  if (!gl || Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return null;
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, gl.getParameter(gl.TEXTURE_BINDING_2D), 0);
  if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE) return null;
  const data = new Uint8Array(4 * width * height);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, data);
  const fault = gl.getError();
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return fault === gl.NO_ERROR ? data : null;
}

/**
 * Put colours with opacity on white and, for a grey network, weigh red, green and blue; in the whole numbers of Pillow.
 *
 * @param {ArrayLike<number>} rgba
 * @param {1 | 3} channels
 */
export function onWhite(rgba, channels) {
  const count = rgba.length / 4;
  const bytes = new Uint8Array(count * channels);
  const rgb = [0, 0, 0];
  for (let at = 0; at < count; at += 1) {
    const alpha = rgba[4 * at + 3];
    for (let channel = 0; channel < 3; channel += 1) {
      const value = rgba[4 * at + channel];
      rgb[channel] = alpha === 255 ? value : alpha === 0 ? 255 : blended(value, alpha);
    }
    if (channels === 3) bytes.set(rgb, 3 * at);
    else bytes[at] = (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16;
  }
  return bytes;
}

function blended(value, alpha) {
  const sum = value * alpha * 128 + 255 * (255 - alpha) * 128 + (0x80 << 7);
  return (((sum >> 8) + sum) >> 8) >> 7;
}

/** Whether a canvas gives back what was put in; some browsers add noise against being recognised. */
export function canvasIsExact() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 16;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const picture = context.createImageData(16, 16);
  for (let at = 0; at < picture.data.length; at += 1) picture.data[at] = at % 4 === 3 ? 255 : (at * 37) % 256;
  context.putImageData(picture, 0, 0);
  const back = context.getImageData(0, 0, 16, 16).data;
  return picture.data.every((value, at) => value === back[at]);
}
