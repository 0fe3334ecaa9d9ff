/** Durations as InfluxQL writes them: whole numbers with units from `ns` to `w`, one behind the other. */

const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  u: 1_000n,
  µ: 1_000n,
  μ: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};
const FORM = /^(?:[0-9]+(?:ns|ms|[uµμsmhdw]))+$/;
const PART = /([0-9]+)(ns|ms|[uµμsmhdw])/g;
/** From the largest. */
const PRINTED_UNITS: readonly string[] = ["w", "d", "h", "m", "s", "ms", "u", "ns"];
const DURATION_NS_MAX = (1n << 63n) - 1n;

/** Nanoseconds of a duration without sign; undefined for what is none, "overflow" beyond 2^63 - 1. */
export function parseDuration(text: string): bigint | "overflow" | undefined {
  if (!FORM.test(text)) return undefined;
  let ns = 0n;
  for (const [, digits, unit] of text.matchAll(PART)) ns += BigInt(digits!) * UNIT_NS[unit!]!;
  return ns > DURATION_NS_MAX ? "overflow" : ns;
}

/** In the largest unit that divides it: `90m`, `1w`, `0s`. */
export function formatDuration(ns: bigint): string {
  if (ns === 0n) return "0s";
  const unit = PRINTED_UNITS.find((each) => ns % UNIT_NS[each]! === 0n) ?? "ns";
  return `${ns / UNIT_NS[unit]!}${unit}`;
}

/** As Go prints durations, and InfluxDB those of policies: `168h0m0s`, `1m30s`, `1.5s`, `0s`. */
export function formatGoDuration(ns: bigint): string {
  if (ns === 0n) return "0s";
  if (ns < 0n) return `-${formatGoDuration(-ns)}`;
  if (ns < 1_000n) return `${ns}ns`;
  if (ns < 1_000_000n) return `${decimal(ns, 3)}µs`;
  if (ns < 1_000_000_000n) return `${decimal(ns, 6)}ms`;
  const minutes = ns / UNIT_NS["m"]!;
  const seconds = `${decimal(ns % UNIT_NS["m"]!, 9)}s`;
  if (minutes === 0n) return seconds;
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** The number with its last `digits` digits behind a point, zeros at the end dropped. */
function decimal(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, "0");
  const fraction = text.slice(-digits).replace(/0+$/, "");
  return text.slice(0, -digits) + (fraction === "" ? "" : `.${fraction}`);
}
