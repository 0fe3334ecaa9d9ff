/** Numbers as text the way label values and messages show them; plain decimals and HTTP values: number_format.ts. */
import { formatDecimal } from "./number_format.ts";

interface Decimal {
  readonly negative: boolean;
  /** Shortest digits that read back as the same double, without leading or trailing zeros; "0" for zero. */
  readonly digits: string;
  /** The value is 0.DIGITS * 10^point. */
  readonly point: number;
}

function toDecimal(value: number): Decimal {
  const [mantissa, exponent] = Math.abs(value).toExponential().split("e") as [string, string];
  const digits = mantissa.replace(".", "").replace(/0+$/, "");
  const negative = value < 0 || Object.is(value, -0);
  return digits === ""
    ? { negative, digits: "0", point: 1 }
    : { negative, digits, point: Number(exponent) + 1 };
}

/** Powers of ten from which on, and below which, numbers are written with an exponent. */
const EXPONENT_MAX = 6;
const EXPONENT_MIN = -4;

/** Shortest form, with an exponent below 1e-4 and from 1e6 on: `1e-05`, `1e+06`. */
export function shortNumber(value: number): string {
  return withExponent(value, EXPONENT_MAX);
}

/** Rounded to so many digits, with an exponent below 1e-4 and where the digits do not reach the point: `1.2e+03`. */
export function roundedNumber(value: number, digits: number): string {
  return withExponent(Number(value.toPrecision(digits)), digits);
}

/** With six decimals and no exponent: `2.000000`. */
export function fixedNumber(value: number): string {
  if (!Number.isFinite(value)) return formatDecimal(value);
  // Numbers from 1e21 on are integers, which `toFixed` would write with an exponent.
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`;
}

function withExponent(value: number, exponentMax: number): string {
  if (!Number.isFinite(value)) return formatDecimal(value);
  const { negative, digits, point } = toDecimal(value);
  const exponent = point - 1;
  if (value === 0 || (exponent >= EXPONENT_MIN && exponent < exponentMax)) {
    return formatDecimal(value);
  }
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
  const sign = exponent < 0 ? "-" : "+";
  const power = String(Math.abs(exponent)).padStart(2, "0");
  return `${negative ? "-" : ""}${mantissa}e${sign}${power}`;
}

/** As OpenMetrics writes the labels `le` and `quantile`: always with a point or an exponent. */
export function openMetricsNumber(value: number): string {
  const text = shortNumber(value);
  return Number.isFinite(value) && !/[.e]/.test(text) ? `${text}.0` : text;
}

/** `123` of any of the forms in which a bound is written; NaN for anything else. */
export function parseBound(text: string): number {
  if (/^[+]?(?:inf|infinity)$/i.test(text)) return Infinity;
  if (/^-(?:inf|infinity)$/i.test(text)) return -Infinity;
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
}
