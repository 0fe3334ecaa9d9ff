/** Rows of a frame as JSON: `[time,value,...],...`, written straight from the columns. */
import type { Column, Frame } from "../../influxql/values/result.ts";
import type { ByteWriter } from "../byte_writer.ts";
import { writeDouble, writeWhole } from "./number_bytes.ts";
import type { TimeWriter } from "./time_bytes.ts";

const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

/** Rows from <= i < to, with commas between them. The time writer has begun with the frame's times. */
export function writeRows(
  writer: ByteWriter,
  times: TimeWriter,
  { frame, from, to }: { readonly frame: Frame; readonly from: number; readonly to: number },
): void {
  const { data } = frame;
  const offsets = frame.times?.offsets;
  for (let row = from; row < to; row++) {
    if (row > from) writer.byte(COMMA);
    writer.byte(OPEN);
    if (offsets !== undefined) times.write(offsets[row]!);
    for (let i = 0; i < data.length; i++) {
      if (i > 0 || offsets !== undefined) writer.byte(COMMA);
      writeCell(writer, data[i]!, row);
    }
    writer.byte(CLOSE);
  }
}

function writeCell(writer: ByteWriter, column: Column, row: number): void {
  switch (column.kind) {
    case "string": {
      const text = column.values[row];
      return text === undefined ? writer.text("null") : writer.string(text);
    }
    case "float": {
      const value = column.values[row]!;
      // What cannot be computed is nothing; JSON has no way to say it.
      if (column.present?.[row] === 0 || !Number.isFinite(value)) return writer.text("null");
      return writeDouble(writer, value);
    }
    case "boolean":
      if (column.present?.[row] === 0) return writer.text("null");
      return writer.text(column.values[row] === 0 ? "false" : "true");
    default: {
      if (column.present?.[row] === 0) return writer.text("null");
      const value = column.values[row]!;
      return typeof value === "number" ? writeWhole(writer, value) : writer.text(String(value));
    }
  }
}
