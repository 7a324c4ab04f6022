/** Along one axis: which input positions an output position reads, and with which tap of the window. */

/**
 * A window of `kernel` taps that moves over the padded axis. A source of −1 is padding.
 *
 * @param {{length: number, kernel: number, stride: number, dilation: number, before: number, after: number,
 *   mode?: string, beyond?: boolean}} axis `beyond`: whether taps past the far padding count (a convolution's do not
 *   exist; a pooling's last window may reach there).
 * @param {number} output
 * @returns {{source: number, tap: number}[]}
 */
export function windowTaps(axis, output) {
  const taps = [];
  for (let tap = 0; tap < axis.kernel; tap += 1) {
    const padded = output * axis.stride + tap * axis.dilation;
    if (axis.beyond === false && padded >= axis.before + axis.length + axis.after) continue;
    taps.push({ source: sourceOf(padded - axis.before, axis.length, axis.mode ?? "zeros"), tap });
  }
  return taps;
}

function sourceOf(position, length, mode) {
  if (position >= 0 && position < length) return position;
  if (mode === "replicate") return position < 0 ? 0 : length - 1;
  if (mode === "circular") return ((position % length) + length) % length;
  if (mode === "reflect") return position < 0 ? -position : 2 * (length - 1) - position;
  return -1;
}

/** A transposed convolution: the inputs that write to an output position. */
export function transposedTaps(axis, output) {
  const taps = [];
  for (let source = 0; source < axis.length; source += 1) {
    for (let tap = 0; tap < axis.kernel; tap += 1) {
      if (source * axis.stride + tap * axis.dilation - axis.before === output) taps.push({ source, tap });
    }
  }
  return taps;
}

/** Adaptive pooling: output i reads from ⌊i·L/O⌋ up to ⌈(i+1)·L/O⌉ − 1. */
export function adaptiveTaps(length, outputs, output) {
  const start = Math.floor((output * length) / outputs);
  const end = Math.ceil(((output + 1) * length) / outputs);
  return Array.from({ length: end - start }, (_, tap) => ({ source: start + tap, tap }));
}
