/** Views into flat arrays: a shape, and the way from an index to a position and back. */

/** An array of numbers with a shape; the last axis is the innermost. */
export class Tensor {
  /**
   * @param {ArrayLike<number>} data
   * @param {readonly number[]} shape
   */
  constructor(data, shape) {
    this.data = data;
    this.shape = shape;
    this.size = sizeOf(shape);
    if (data.length !== this.size) {
      throw new Error(`${data.length} numbers do not fill the shape [${shape.join(", ")}]`);
    }
  }

  /** The number at an index of as many axes as the shape has. */
  at(index) {
    return this.data[flatOf(index, this.shape)];
  }
}

/** How many numbers a shape holds. */
export function sizeOf(shape) {
  return shape.reduce((product, length) => product * length, 1);
}

/** The position in the flat array. */
export function flatOf(index, shape) {
  let flat = 0;
  for (let axis = 0; axis < shape.length; axis += 1) flat = flat * shape[axis] + index[axis];
  return flat;
}

/** The index of a position in the flat array. */
export function indexOf(flat, shape) {
  const index = new Array(shape.length);
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    index[axis] = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return index;
}

/** All combinations of one entry of each list, the last list turning fastest. */
export function lattice(lists) {
  let rows = [[]];
  for (const list of lists) {
    const longer = [];
    for (const row of rows) for (const entry of list) longer.push([...row, entry]);
    rows = longer;
  }
  return rows;
}

/** The largest size of the numbers from `start` up to `end`. */
export function largestSize(data, start = 0, end = data.length) {
  let largest = 0;
  for (let position = start; position < end; position += 1) {
    const size = Math.abs(data[position]);
    if (size > largest && Number.isFinite(size)) largest = size;
  }
  return largest;
}

/** Whether a number from `start` up to `end` is below zero. */
export function anyNegative(data, start = 0, end = data.length) {
  for (let position = start; position < end; position += 1) if (data[position] < 0) return true;
  return false;
}
