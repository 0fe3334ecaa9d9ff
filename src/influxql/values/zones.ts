/**
 * Offsets of IANA time zones, from the runtime's own data.
 *
 * Asking the runtime costs microseconds, so what it says is kept by day of UTC: a day has one offset, or two and the
 * moment between them.
 */
import { SyntaxFailure } from "./result.ts";

const DAY_MS = 86_400_000;
/** Days whose offsets are kept. */
const DAYS_KEPT_MAX = 20_000;

/** One day: `before` holds up to `changeMs`, `after` from then on; Infinity: it does not change. */
interface Day {
  readonly before: number;
  readonly after: number;
  readonly changeMs: number;
}

export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #days = new Map<number, Day>();

  constructor(name: string) {
    this.name = name;
    this.#format = formatOf(name);
  }

  /** Milliseconds that local clocks are ahead of UTC. */
  offsetMs(utcMs: number): number {
    const index = Math.floor(utcMs / DAY_MS);
    const day = this.#days.get(index) ?? this.#look(index);
    return utcMs < day.changeMs ? day.before : day.after;
  }

  /** The moment in milliseconds that local clocks show as `localMs`; the earlier one of two. */
  utcOf(localMs: number): number {
    const early = localMs - this.offsetMs(localMs - DAY_MS);
    return early + this.offsetMs(early) === localMs ? early : localMs - this.offsetMs(early);
  }

  #look(index: number): Day {
    const start = index * DAY_MS;
    const before = this.#ask(start);
    const after = this.#ask(start + DAY_MS);
    let low = start;
    let high = start + DAY_MS;
    while (before !== after && high - low > 1_000) {
      const middle = low + Math.floor((high - low) / 2_000) * 1_000;
      if (middle === low) break;
      if (this.#ask(middle) === before) low = middle;
      else high = middle;
    }
    const day = { before, after, changeMs: before === after ? Infinity : high };
    if (this.#days.size >= DAYS_KEPT_MAX) this.#days.clear();
    this.#days.set(index, day);
    return day;
  }

  #ask(utcMs: number): number {
    const part: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(utcMs)) part[type] = Number(value);
    const local = Date.UTC(
      part["year"]!,
      part["month"]! - 1,
      part["day"]!,
      part["hour"]! % 24,
      part["minute"]!,
      part["second"]!,
    );
    return local - Math.floor(utcMs / 1_000) * 1_000;
  }
}

const zones = new Map<string, Zone>();

/** The zone of this name. Throws SyntaxFailure where there is none. */
export function zoneOf(name: string): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = new Zone(name);
    if (zones.size < 100) zones.set(name, zone);
  }
  return zone;
}

function formatOf(name: string): Intl.DateTimeFormat {
  try {
    // Offsets such as "+01:00", which the runtime takes as well, are no names of zones.
    if (!/^[A-Za-z]/.test(name)) throw new RangeError("not a name");
    return new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "iso8601",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (cause) {
    throw new SyntaxFailure(`unable to find time zone ${name}`, { cause });
  }
}
