/** Numbers as people read them: four significant digits, a real minus sign; all digits on demand. */

let significant = 4;

/** Show so many digits from now on, as a projector wants; null is four again. */
export function showDigits(digits) {
  significant = digits ?? 4;
}

/** Four significant digits, or as many as `showDigits` said. */
export function short(number) {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "not a number" : number > 0 ? "∞" : "−∞";
  if (number === 0) return "0";
  const size = Math.abs(number);
  const text = size >= 1e6 || size < 1e-4 ? scientific(size) : fixed(size);
  return number < 0 ? `−${text}` : text;
}

function fixed(size) {
  const before = Math.max(1, Math.floor(Math.log10(size)) + 1);
  const decimals = size >= 1 ? Math.max(0, significant - before) : significant - 1 - Math.floor(Math.log10(size));
  return size.toFixed(Math.min(decimals, 8));
}

function scientific(size) {
  const [digits, power] = size.toExponential(significant - 1).split("e");
  return `${digits}·10${superscript(Number(power))}`;
}

function superscript(power) {
  const signs = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const digits = [...String(Math.abs(power))].map((digit) => signs[Number(digit)]).join("");
  return power < 0 ? `⁻${digits}` : digits;
}

/** Two numbers, with more digits where four would make them look the same and they are not. */
export function apart(first, second) {
  for (let digits = 4; digits < 18; digits += 1) {
    const texts = [first, second].map((number) => (digits === 4 ? short(number) : number.toPrecision(digits).replace("-", "−")));
    if (texts[0] !== texts[1] || first === second) return texts;
  }
  return [long(first), long(second)];
}

/** All digits that the number has. */
export function long(number) {
  return String(number).replace("-", "−").replace("Infinity", "∞");
}

/** A share as a percentage: whole, but never 100 % or 0 % of what is not. The space does not break. */
export function percent(share) {
  const hundredth = 100 * share;
  if (hundredth > 99 && share < 1) return `${Math.min(99.99, Math.floor(hundredth * 100) / 100).toFixed(2)}\u00a0%`;
  if (hundredth < 1 && share > 0) return hundredth < 0.01 ? "<\u00a00.01\u00a0%" : `${hundredth.toFixed(2)}\u00a0%`;
  return `${Math.round(hundredth)}\u00a0%`;
}

/** A count with its noun. */
export function counted(count, noun, plural = `${noun}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? noun : plural}`;
}

/** A text with real minus signs before its numbers, where it was written for a terminal. */
export function minus(text) {
  return text.replace(/(^|[\s=(\[·,])-(?=\d)/g, "$1−");
}
