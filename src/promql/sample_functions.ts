/** Functions of single float samples: arithmetic, trigonometry, calendar. Histogram samples are left out. */
import { ABSENT, FLOAT, HISTOGRAM, type Row } from "./row.ts";

/** Rounds to the nearest multiple of 1/`inverse`; halves go up. */
export function roundTo(value: number, to: number): number {
  const inverse = 1 / to;
  return Math.floor(value * inverse + 0.5) / inverse;
}

export function clampTo(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(max, value));
}

const SECONDS_PER_DAY = 86_400;

/** Days since the epoch and the rest of the day in seconds, for UNIX seconds, truncated. */
function dayOf(seconds: number): { readonly day: number; readonly rest: number } {
  const whole = Math.trunc(seconds);
  const day = Math.floor(whole / SECONDS_PER_DAY);
  return { day, rest: whole - day * SECONDS_PER_DAY };
}

interface CalendarDate {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
}

/** Proleptic Gregorian date of a day since the epoch, for any day (Howard Hinnant's civil_from_days). */
function dateOf(epochDay: number): CalendarDate {
  const shifted = epochDay + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra -
    (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

function daysInMonth({ year, month }: CalendarDate): number {
  return month === 2 && isLeap(year) ? 29 : MONTH_DAYS[month - 1]!;
}

function dayOfYear({ year, month, day }: CalendarDate): number {
  let days = day;
  for (let before = 1; before < month; before++) {
    days += daysInMonth({ year, month: before, day: 1 });
  }
  return days;
}

function ofDate(pick: (date: CalendarDate) => number): (seconds: number) => number {
  return (seconds) => Number.isFinite(seconds) ? pick(dateOf(dayOf(seconds).day)) : NaN;
}

/** Calendar functions over UNIX seconds, in UTC. */
export const CALENDAR_FUNCTIONS: Readonly<Record<string, (seconds: number) => number>> = {
  minute: (seconds) => Math.floor(dayOf(seconds).rest / 60) % 60,
  hour: (seconds) => Math.floor(dayOf(seconds).rest / 3600),
  // The epoch was a Thursday.
  day_of_week: (seconds) => (((dayOf(seconds).day + 4) % 7) + 7) % 7,
  day_of_month: ofDate((date) => date.day),
  day_of_year: ofDate(dayOfYear),
  days_in_month: ofDate(daysInMonth),
  month: ofDate((date) => date.month),
  year: ofDate((date) => date.year),
};

/** Functions of one number. */
export const NUMBER_FUNCTIONS: Readonly<Record<string, (value: number) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  exp: Math.exp,
  sqrt: Math.sqrt,
  ln: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  sgn: (value) => value > 0 ? 1 : value < 0 ? -1 : value,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  deg: (value) => value * 180 / Math.PI,
  rad: (value) => value * Math.PI / 180,
};

/** Replaces each float by a function of it and its step, drops histograms, and marks the name for removal. */
export function mapFloats(row: Row, compute: (value: number, step: number) => number): void {
  const { kinds, values } = row;
  for (let step = 0; step < kinds.length; step++) {
    if (kinds[step] === FLOAT) values[step] = compute(values[step]!, step);
    else if (kinds[step] === HISTOGRAM) kinds[step] = ABSENT;
  }
  row.histograms = undefined;
  row.dropName = true;
}
