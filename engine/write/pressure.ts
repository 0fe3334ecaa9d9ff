/** The bounds at which a write waits: bytes of the head and bytes of the log. */
import type { Head } from "../head/head.ts";
import type { Settings } from "../settings.ts";
import type { WriteAheadLog } from "../wal/log.ts";
import type { Pressure } from "./admission.ts";
import type { MemoryBudget } from "./memory_budget.ts";

/** Share of the log's limit at which writes wait for a flush. */
const LOG_SHARE = 0.9;

export class WritePressure implements Pressure {
  readonly #settings: Settings;
  readonly #head: Head;
  readonly #log: WriteAheadLog | undefined;
  readonly #budget: MemoryBudget;
  /** Whether the disk limit forbids writing. */
  isReadOnly: () => boolean = () => false;
  /** Called when room is needed. */
  onRelieve: () => void = () => {};

  constructor(parts: {
    readonly settings: Settings;
    readonly head: Head;
    readonly log: WriteAheadLog | undefined;
    readonly budget: MemoryBudget;
  }) {
    this.#settings = parts.settings;
    this.#head = parts.head;
    this.#log = parts.log;
    this.#budget = parts.budget;
  }

  reached(): { readonly limit: string; readonly message: string } | undefined {
    const headBytes = this.#head.bytes;
    const headBytesMax = this.#budget.headWaitBytes;
    if (headBytes >= headBytesMax) {
      const message = `rows in memory take ${headBytes} bytes, at most ${headBytesMax} are allowed`;
      return { limit: "memoryLimitBytes", message };
    }
    if (this.isReadOnly()) {
      const limit = this.#settings.diskLimitBytes;
      return {
        limit: "diskLimitBytes",
        message: `the data directory takes more than ${limit} bytes`,
      };
    }
    if (this.#log === undefined) return undefined;
    const { bytes } = this.#log.stats();
    const most = this.#settings.logBytesMax * LOG_SHARE;
    if (bytes < most) return undefined;
    return {
      limit: "logBytesMax",
      message: `the log takes ${bytes} bytes, writes wait from ${most}`,
    };
  }

  relieve(): void {
    this.onRelieve();
  }
}
