/** Numbers as text, in the two forms that Prometheus writes them. */

/** Shortest decimal that reads back as the number, never with an exponent: `1000000000000000000000`, `+Inf`, `NaN`. */
export function formatDecimal(value: number): string {
  const text = formatSpecial(value) ?? String(value);
  const exponent = text.indexOf("e");
  if (exponent === -1) return text;
  const negative = text.startsWith("-");
  const [whole = "", fraction = ""] = text.slice(negative ? 1 : 0, exponent).split(".");
  const digits = whole + fraction;
  const point = whole.length + Number(text.slice(exponent + 1));
  const plain = point <= 0
    ? `0.${"0".repeat(-point)}${digits}`
    : digits.padEnd(point, "0") + (point < digits.length ? `.${digits.slice(point)}` : "");
  return negative ? `-${plain}` : plain;
}

/** Shortest decimal; with an exponent of at least two digits below 1e-6 and from 1e21 on: `1e-07`, `1e+21`, `+Inf`. */
export function formatValue(value: number): string {
  const text = formatSpecial(value) ?? String(value);
  const exponent = text.indexOf("e");
  // JavaScript switches to exponents at the same bounds, but writes one digit where one suffices.
  return exponent === -1 || text.length - exponent > 3
    ? text
    : `${text.slice(0, exponent + 2)}0${text.slice(exponent + 2)}`;
}

function formatSpecial(value: number): string | undefined {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return Object.is(value, -0) ? "-0" : undefined;
}
