/**
 * Deletes in the background what retention policies no longer keep. Queries hide it at once; this frees the disk.
 *
 * As InfluxDB drops whole shards, points go in steps of a policy's shard duration: a policy is looked at when another step
 * has expired, an hour apart at least, and writes one tombstone then. Where nothing is that old, nothing is written.
 *
 * A wrong clock must not cost data: nothing is deleted while the engine does not believe the clock, and for CAUTION_MS after.
 */
import { type Clock, type Database, isEngineError, type Logger } from "../../../engine/mod.ts";
import type { Catalog, Policy } from "../context.ts";
import { removeLabel } from "./removal.ts";
import { rangeOf } from "../schema/stored_measurements.ts";
import { TIME_MIN_NS } from "../expressions/time_range.ts";

export interface PolicyExpiryParts {
  readonly database: Pick<Database, "delete" | "settings" | "stats">;
  readonly catalog: Catalog;
  /** Labels of what was dropped as a whole, and who keeps in mind that they hold nothing any more. */
  readonly dropped: {
    readonly dropped: readonly string[];
    noteEmptied(labels: readonly string[]): void;
  };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Time between two looks at the policies. */
const INTERVAL_MS = 3_600_000;
/** A wall clock that went on by more than this beyond the monotonic one has jumped. */
const JUMP_MS = 600_000;
/** How long a clock that has jumped is watched before anything goes by it. */
const CAUTION_MS = 6 * 3_600_000;
const NS_PER_MS = 1_000_000n;

export class PolicyExpiry {
  readonly #parts: PolicyExpiryParts;
  /** Up to where each label's points were deleted by this process. */
  readonly #reached = new Map<string, bigint>();
  /** How far the wall clock was ahead of the monotonic one. */
  #leadMs: number;
  #jumpedAtMs = -Infinity;
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: PolicyExpiryParts) {
    this.#parts = parts;
    this.#leadMs = leadMs(parts.clock);
  }

  /** Finishes deletions that a crash has interrupted; to be awaited before writes begin, which may bring the names back. */
  async removeDropped(): Promise<void> {
    const { database, dropped } = this.#parts;
    const labels = dropped.dropped;
    for (const label of labels) await removeLabel(database, label);
    dropped.noteEmptied(labels);
  }

  /** Looks at the policies every hour from now on. */
  start(): void {
    this.#cancel = this.#parts.clock.after(INTERVAL_MS, () => {
      if (this.#isStopped) return;
      this.#running = this.#running.then(() => this.run());
      this.start();
    });
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#running;
  }

  /** Looks at all policies once. */
  async run(): Promise<void> {
    if (this.#isClockDoubtful()) return;
    const { catalog, logger } = this.#parts;
    for (const name of catalog.databases()) {
      for (const policy of catalog.database(name)?.policies ?? []) {
        if (this.#isStopped) return;
        try {
          await this.#expire(catalog.labelOf(name, policy.name), policy);
        } catch (error) {
          if (isEngineError(error, "closed")) return;
          const reason = error instanceof Error ? error.message : String(error);
          logger.log("warn", "Cannot delete what a retention policy no longer keeps", {
            database: name,
            policy: policy.name,
            reason,
          });
        }
      }
    }
  }

  async #expire(label: string, policy: Policy): Promise<void> {
    const { database, clock } = this.#parts;
    const beforeNs = expiredShardsEnd(policy, clock.nowNs());
    if (beforeNs === undefined || beforeNs <= (this.#reached.get(label) ?? TIME_MIN_NS)) return;
    await removeLabel(database, label, rangeOf({ min: TIME_MIN_NS, max: beforeNs - 1n }, database));
    this.#reached.set(label, beforeNs);
  }

  #isClockDoubtful(): boolean {
    const { database, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const lead = leadMs(clock);
    // The engine looks at its clock when something is written: a jump that it has not met yet is met here.
    const hasJumped = lead - this.#leadMs > JUMP_MS || database.stats().retention.isClockJumping;
    this.#leadMs = lead;
    if (hasJumped) this.#jumpedAtMs = nowMs;
    return nowMs - this.#jumpedAtMs < CAUTION_MS;
  }
}

function leadMs(clock: Clock): number {
  return Number(clock.nowNs() / NS_PER_MS) - clock.monotonicMs();
}

/** When points begin to count for a policy; undefined where all do. */
export function expiredBeforeNs({ durationNs }: Policy, nowNs: bigint): bigint | undefined {
  return durationNs === 0n ? undefined : nowNs - durationNs;
}

/** End of the last shard of which all has expired; undefined where nothing does. */
function expiredShardsEnd(policy: Policy, nowNs: bigint): bigint | undefined {
  const beforeNs = expiredBeforeNs(policy, nowNs);
  if (beforeNs === undefined || beforeNs <= 0n) return undefined;
  return policy.shardNs === 0n ? beforeNs : beforeNs - beforeNs % policy.shardNs;
}
