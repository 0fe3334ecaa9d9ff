/** Times as InfluxQL writes them: `2020-03-01`, `2020-03-01 00:00:00.5`, RFC 3339. */

export interface TimeText {
  /** Nanoseconds since the epoch, as if the text were in UTC where it names no offset. */
  readonly ns: bigint;
  /** The text names no offset: it is a time of the statement's zone. */
  readonly isLocal: boolean;
}

const FORM = /^(\d{4})-(\d\d)-(\d\d)(?:( |T)(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?)?$/;
const NS_PER_MS = 1_000_000n;
/** The times that can be stored. */
const TIME_NS_LIMIT = 1n << 63n;

/** Undefined where the text is no time, or one that nanoseconds cannot count. */
export function parseTimeText(text: string): TimeText | undefined {
  const parts = FORM.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day, separator, hour, minute, second, fraction, offset] = parts;
  // A `T` comes with an offset, a space without.
  if ((separator === "T") !== (offset !== undefined)) return undefined;
  const [h, m, s] = [Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0)];
  // Not Date.UTC: to that, years below 100 are of the last century.
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const isDate = date.getUTCMonth() + 1 === Number(month) && date.getUTCDate() === Number(day);
  if (!isDate || h > 23 || m > 59 || s > 59) return undefined;
  const seconds = BigInt(h * 3_600 + m * 60 + s) - offsetSeconds(offset);
  const nanoseconds = BigInt((fraction ?? "").slice(0, 9).padEnd(9, "0"));
  const ns = BigInt(date.getTime()) * NS_PER_MS + seconds * 1_000_000_000n + nanoseconds;
  if (ns >= TIME_NS_LIMIT || ns < -TIME_NS_LIMIT) return undefined;
  return { ns, isLocal: offset === undefined };
}

function offsetSeconds(offset: string | undefined): bigint {
  if (offset === undefined || offset === "Z") return 0n;
  const seconds = BigInt(Number(offset.slice(1, 3)) * 3_600 + Number(offset.slice(4)) * 60);
  return offset.startsWith("-") ? -seconds : seconds;
}
