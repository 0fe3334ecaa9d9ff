/** The engine's line scanner as the write paths use it: one window at a time, refused lines in InfluxDB's words. */
import {
  type Database,
  LINE_BYTES_MAX,
  type LineError,
  LineScanner as EngineScanner,
} from "../../engine/mod.ts";
import { reasonText } from "./line_protocol.ts";
import type { LineScanner, RefusalKind, RefusedLine } from "./line_write.ts";

/** A scanner that fills the database's batch. */
export function openLineScanner({ kernels, settings }: Database): LineScanner {
  const scanner = new EngineScanner(kernels, settings.timeUnit);
  return {
    windowBytes: LINE_BYTES_MAX,
    scan(head, tail, end, { precision, database, reserved, nowNs, take }) {
      const fill = scanner.fill({ head, tail, final: end }, {
        unit: precision,
        refuseReservedTags: reserved === "v2",
        nowNs,
        take,
        ...(database === undefined ? {} : { database }),
      });
      return {
        consumed: fill.taken,
        lines: fill.lines,
        full: fill.isFull,
        refused: fill.report.errors.map(toRefused),
      };
    },
  };
}

function toRefused(error: LineError): RefusedLine {
  return {
    kind: refusalKind(error),
    line: error.line,
    text: error.text,
    reason: reasonText(error),
  };
}

function refusalKind({ reason, kind }: LineError): RefusalKind {
  switch (reason) {
    case "type-conflict":
      return "conflict";
    case "series-limit":
    case "field-limit":
      return "limit";
    case "time-tag":
    case "time-field":
      return "reserved";
    case "line-too-long":
      return "too_long";
    default:
      return kind === "malformed" ? "malformed" : "reserved";
  }
}
