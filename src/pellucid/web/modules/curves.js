/** Functions of each element by itself: the value, and how far rounding may take another's (in unit roundoffs). */

const ROOT = Math.sqrt(2 / Math.PI);
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

function logistic(x) {
  const small = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : small) / (1 + small);
}

function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** The complementary error function, by a continued fraction far out and a series near zero. */
export function erfc(x) {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 200 && Math.abs(term) > 1e-18 * Math.abs(sum); n += 1) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let k = 80; k >= 1; k -= 1) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}

const relative = (y) => 8 * Math.abs(y);
const exact = () => 0;
const cancelling = (y, x) => 8 * Math.abs(y) + 8 * Math.min(Math.abs(x), 6);

/** By kind: `value(x, settings)` and `slack(y, x)`. */
export const CURVES = {
  relu: { value: (x) => Math.max(x, 0), slack: exact },
  leaky_relu: { value: (x, s) => (x > 0 ? x : s.negative_slope * x), slack: relative },
  hardtanh: { value: (x, s) => Math.min(Math.max(x, s.min_val), s.max_val), slack: exact },
  threshold: { value: (x, s) => (x > s.threshold ? x : s.value), slack: exact },
  gelu: { value: (x) => 0.5 * x * erfc(-x / Math.SQRT2), slack: cancelling },
  gelu_tanh: { value: (x) => 0.5 * x * (1 + Math.tanh(ROOT * (x + 0.044715 * x ** 3))), slack: cancelling },
  silu: { value: (x) => x * logistic(x), slack: relative },
  mish: { value: (x) => x * Math.tanh(softplus(x)), slack: (y) => 12 * Math.abs(y) },
  hardswish: { value: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6, slack: relative },
  hardsigmoid: { value: (x) => Math.min(Math.max(x + 3, 0), 6) / 6, slack: relative },
  sigmoid: { value: logistic, slack: relative },
  log_sigmoid: { value: (x) => -softplus(-x), slack: relative },
  tanh: { value: Math.tanh, slack: relative },
  elu: { value: (x, s) => (x > 0 ? x : s.alpha * Math.expm1(x)), slack: cancelling },
  celu: { value: (x, s) => (x > 0 ? x : s.alpha * Math.expm1(x / s.alpha)), slack: cancelling },
  selu: { value: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)), slack: cancelling },
  softplus: {
    value: (x, s) => (x * s.beta > s.threshold ? x : softplus(x * s.beta) / s.beta),
    slack: (y, x, s) => 8 * Math.abs(y) + 4 * Math.abs(x) * logistic(x * s.beta),
  },
  softsign: { value: (x) => x / (1 + Math.abs(x)), slack: relative },
};
