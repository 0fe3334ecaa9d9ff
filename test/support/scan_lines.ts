/** Line protocol through the engine's scanner into plain rows. */
import type { TimeUnit } from "../../engine/base/types.ts";
import { Kernels } from "../../engine/kernels/kernels.ts";
import type { LineReport } from "../../engine/write/line_errors.ts";
import { LineScanner, type ScanOptions } from "../../engine/write/line_scanner.ts";
import { type PlainRow, readRows } from "./batch_rows.ts";

export const NOW_NS = 1_700_000_000_123_456_789n;

export interface Scanned {
  readonly rows: PlainRow[];
  readonly report: LineReport;
}

/** A scanner on kernels of its own, collecting what it writes. */
export class LineFixture {
  readonly kernels: Kernels = new Kernels();
  readonly scanner: LineScanner;

  constructor(unit: TimeUnit = "ns") {
    this.scanner = new LineScanner(this.kernels, unit);
  }

  scan(body: string | Uint8Array, options: Partial<ScanOptions> = {}): Scanned {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const rows: PlainRow[] = [];
    const report = this.scanner.scan(bytes, {
      unit: "ns",
      nowNs: NOW_NS,
      write: () => rows.push(...readRows(this.kernels)),
      ...options,
    });
    return { rows, report };
  }

  /** Sends the chunks through a stream. */
  stream(chunks: readonly Uint8Array[], options: Partial<ScanOptions> = {}): Scanned {
    const rows: PlainRow[] = [];
    const stream = this.scanner.stream({
      unit: "ns",
      write: () => rows.push(...readRows(this.kernels)),
      ...options,
    });
    for (const chunk of chunks) stream.push(chunk, NOW_NS);
    return { rows, report: stream.end(NOW_NS) };
  }
}

/** Errors as the oracle names them. */
export function errorNames(report: LineReport): string[] {
  return report.errors.map(({ line, kind }) => `${line} ${kind}`);
}
