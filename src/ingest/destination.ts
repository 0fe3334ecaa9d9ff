/** Where a write goes: the data of one database and retention policy, or that of none. */
import { type Database, nsToTicks } from "../../engine/mod.ts";
import type { DatabaseStore } from "../stores/databases.ts";

export interface DestinationParts {
  readonly database: Database;
  /** Which databases there are; absent: any label may be written, and what has it is kept as all else. */
  readonly databases?: DatabaseStore | undefined;
}

export class Destination {
  /** The `db` label of every series; undefined: they get none. */
  readonly label: string | undefined;
  readonly #parts: DestinationParts;

  constructor(parts: DestinationParts, label: string | undefined) {
    this.#parts = parts;
    this.label = label;
  }

  /**
   * To be asked in the step that fills and writes a batch. Undefined: it may be written. A promise where the engine is behind,
   * or what was dropped with this label is being deleted: ask again when it resolves.
   */
  admit(): Promise<void> | undefined {
    const { database, databases } = this.#parts;
    return database.admit() ??
      (this.label === undefined ? undefined : databases?.touch(this.label));
  }

  /** How many ticks rows are kept: older ones are too old. 0: as long as all others. It changes with the policy. */
  get keep(): bigint {
    const { database, databases } = this.#parts;
    const keepNs = this.label === undefined ? 0n : databases?.durationOf(this.label) ?? 0n;
    return keepNs === 0n ? 0n : nsToTicks(keepNs, database.settings.timeUnit);
  }
}
