/**
 * SHOW SHARDS and SHOW SHARD GROUPS. All databases share the engine's files, so what is shown are the spans of time, as long as
 * the policy says, in which a policy holds points. Their numbers count what is shown.
 */
import { type Database, type SeriesGroup, TICKS_PER_MS, type View } from "../../../engine/mod.ts";
import { Slices } from "../../slices.ts";
import type { Catalog, DatabaseEntry, Policy, StatementContext } from "../context.ts";
import { ticksOf } from "../sources/engine_series.ts";
import { tableFrame } from "../values/frames.ts";
import type { Frame } from "../values/result.ts";
import { labelMatchers } from "./stored_measurements.ts";
import { ALL_TIMES, type Bounds } from "../expressions/time_range.ts";

export interface ShardParts {
  readonly database: Database;
  readonly catalog: Catalog;
}

/** A span of time in which a policy holds points: start <= t < end. */
interface Shard {
  readonly id: number;
  readonly policy: Policy;
  readonly startNs: bigint;
  readonly endNs: bigint;
}

const SHARD_COLUMNS: readonly string[] = [
  "id",
  "database",
  "retention_policy",
  "shard_group",
  "start_time",
  "end_time",
  "expiry_time",
  "owners",
];
const GROUP_COLUMNS: readonly string[] = [
  "id",
  "database",
  "retention_policy",
  "start_time",
  "end_time",
  "expiry_time",
];
/** Spans count from the first day of the year 1, a Monday. */
const FIRST_DAY_NS = -62_135_596_800_000_000_000n;
/** Series that are asked for points between two looks at the clock. */
const SERIES_PER_LOOK = 64;

/** A series for each database. */
export async function showShards(parts: ShardParts, context: StatementContext): Promise<Frame[]> {
  const shards = new Shards(parts, context);
  const frames: Frame[] = [];
  for (const name of parts.catalog.databases()) {
    const rows = (await shards.of(name)).map((shard) => {
      const { id, policy, startNs, endNs } = shard;
      return [id, name, policy.name, id, textOf(startNs), textOf(endNs), expiryOf(shard), ""];
    });
    frames.push(tableFrame(name, SHARD_COLUMNS, rows));
  }
  return frames;
}

/** One series. */
export async function showShardGroups(
  parts: ShardParts,
  context: StatementContext,
): Promise<Frame> {
  const shards = new Shards(parts, context);
  const rows: (string | number)[][] = [];
  for (const name of parts.catalog.databases()) {
    for (const shard of await shards.of(name)) {
      const { id, policy, startNs, endNs } = shard;
      rows.push([id, name, policy.name, textOf(startNs), textOf(endNs), expiryOf(shard)]);
    }
  }
  return tableFrame("shard groups", GROUP_COLUMNS, rows);
}

class Shards {
  readonly #parts: ShardParts;
  readonly #context: StatementContext;
  readonly #slices = new Slices(SERIES_PER_LOOK);
  #lastId = 0;

  constructor(parts: ShardParts, context: StatementContext) {
    this.#parts = parts;
    this.#context = context;
  }

  async of(name: string): Promise<Shard[]> {
    const { catalog, database } = this.#parts;
    const entry: DatabaseEntry | undefined = catalog.database(name);
    const { bounds } = database.extent();
    if (entry === undefined || bounds === undefined) return [];
    const shards: Shard[] = [];
    for (const policy of entry.policies) {
      const label = this.#context.label(name, policy.name);
      const { min } = ALL_TIMES;
      const from = this.#context.expiredBeforeNs(label) ?? min;
      using view = database.view(ticksOf({ min: from, max: ALL_TIMES.max }, database));
      const groups = view.select(labelMatchers(label));
      const tickNs = BigInt(1e6 / TICKS_PER_MS[database.settings.timeUnit]);
      const stored = { min: bounds.minTime * tickNs, max: bounds.maxTime * tickNs };
      const span = {
        first: indexOf(stored.min > from ? stored.min : from, policy.shardNs),
        last: indexOf(stored.max, policy.shardNs),
      };
      for (const index of await this.#filled({ view, groups, policy }, span)) {
        const startNs = startOf(index, policy.shardNs);
        shards.push({ id: ++this.#lastId, policy, startNs, endNs: startNs + policy.shardNs });
      }
    }
    return shards;
  }

  /** Which of the spans from the first to the last hold points, found by halves: long empty times cost little. */
  async #filled(search: Search, { first, last }: Span): Promise<bigint[]> {
    if (first > last) return [];
    const { policy: { shardNs } } = search;
    const bounds = { min: startOf(first, shardNs), max: startOf(last + 1n, shardNs) - 1n };
    if (!await this.#hasPoints(search, bounds)) return [];
    if (first === last) return [first];
    const middle = (first + last) / 2n;
    const before = await this.#filled(search, { first, last: middle });
    return [...before, ...await this.#filled(search, { first: middle + 1n, last })];
  }

  async #hasPoints({ view, groups }: Search, bounds: Bounds): Promise<boolean> {
    const range = ticksOf(bounds, this.#parts.database);
    for (const { slot, family, sources } of groups) {
      for (const source of sources) {
        if (view.hasPoints({ source, slot, family } as Reference, range)) return true;
        if (!this.#slices.isDue) continue;
        await this.#slices.pause();
        this.#context.signal.throwIfAborted();
      }
    }
    return false;
  }
}

type Reference = Parameters<View["hasPoints"]>[0];

interface Search {
  readonly view: View;
  readonly groups: readonly SeriesGroup[];
  readonly policy: Policy;
}

/** Numbers of the first and last span. */
interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/** Number of the span that a time lies in. */
function indexOf(ns: bigint, shardNs: bigint): bigint {
  return (ns - FIRST_DAY_NS) / shardNs;
}

function startOf(index: bigint, shardNs: bigint): bigint {
  return FIRST_DAY_NS + index * shardNs;
}

function expiryOf({ policy, endNs }: Shard): string {
  return policy.durationNs === 0n ? "" : textOf(endNs + policy.durationNs);
}

/** Whole seconds: spans are whole hours. */
function textOf(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString().replace(".000Z", "Z");
}
