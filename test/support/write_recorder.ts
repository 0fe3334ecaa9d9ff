/** A database whose registry and batch are real and whose writes are remembered as plain rows. */
import type { Database, EngineError, Settings } from "../../engine/mod.ts";
import { completeSettings } from "../../engine/mod.ts";
import { Kernels } from "../../engine/kernels/kernels.ts";
import { Registry } from "../../engine/series/registry.ts";
import { BatchBuilder } from "../../engine/write/batch.ts";
import type { PlainRow } from "./batch_rows.ts";
import { readRows } from "./batch_rows.ts";

export class WriteRecorder {
  readonly rows: PlainRow[] = [];
  /** Rows of each write. */
  readonly writes: number[] = [];
  readonly database: Database;
  /** Thrown by the next write. */
  failure: EngineError | undefined;
  /** Awaited before the next write. */
  admission: Promise<void> | undefined;
  /** Rows before this time are too old. */
  oldest: bigint = -(2n ** 63n);

  constructor(settings: Partial<Settings> = {}) {
    const kernels = new Kernels();
    const partial: Partial<Database> = {
      settings: completeSettings({ timeUnit: "ms", ...settings }),
      kernels,
      registry: new Registry(kernels),
      batch: new BatchBuilder(kernels),
      admit: () => this.admission,
      write: (acknowledgement = "durable") => {
        if (this.failure !== undefined) throw this.failure;
        const rows = readRows(kernels);
        const kept = rows.filter(({ time }) => time >= this.oldest);
        this.rows.push(...kept);
        this.writes.push(rows.length);
        const tooOld = rows.length - kept.length;
        const counts = { rows: kept.length, points: kept.length, tooOld };
        return { ...counts, acknowledgement, done: Promise.resolve() };
      },
    };
    this.database = partial as Database;
  }
}
