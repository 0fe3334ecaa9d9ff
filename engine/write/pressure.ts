/** The bounds at which a write waits: bytes of the head and bytes of the log. */
import type { Head } from "../head/head.ts";
import type { Settings } from "../settings.ts";
import type { WriteAheadLog } from "../wal/log.ts";
import type { Pressure } from "./admission.ts";

/** How far the head may grow past the size at which it is flushed, while that flush runs. */
const HEAD_OVERSHOOT = 2;
/** Share of the log's limit at which writes wait for a flush. */
const LOG_SHARE = 0.9;

export class WritePressure implements Pressure {
  readonly #settings: Settings;
  readonly #head: Head;
  readonly #log: WriteAheadLog | undefined;
  readonly #headBytesMax: number;
  /** Whether the disk limit forbids writing. */
  isReadOnly: () => boolean = () => false;
  /** Called when room is needed. */
  onRelieve: () => void = () => {};

  constructor(parts: {
    readonly settings: Settings;
    readonly head: Head;
    readonly log: WriteAheadLog | undefined;
  }) {
    this.#settings = parts.settings;
    this.#head = parts.head;
    this.#log = parts.log;
    const { memoryLimitBytes, headMemoryShare } = parts.settings;
    this.#headBytesMax = memoryLimitBytes * Math.min(0.9, headMemoryShare * HEAD_OVERSHOOT);
  }

  reached(): { readonly limit: string; readonly message: string } | undefined {
    const headBytes = this.#head.bytes;
    if (headBytes >= this.#headBytesMax) {
      const message =
        `rows in memory take ${headBytes} bytes, at most ${this.#headBytesMax} are allowed`;
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
