/**
 * Looks at rows before anything of them is created: a batch that is refused leaves no series, no field and no name behind.
 */
import { DEFAULT_FIELD, type Family, type Labels } from "./base/types.ts";
import type { Database } from "./database.ts";
import { EngineError } from "./errors.ts";
import { familyOfKind, type Value } from "./query/block.ts";
import { canonicalLabels, checkSource } from "./series/labels.ts";

/** What is looked at in a row. */
export interface CheckedRow {
  readonly metric: string;
  readonly labels?: Labels;
  readonly point: { readonly value: Value };
}

/**
 * Throws "invalid" for a bad name and for values of another family than their series has or get from an earlier row,
 * "limit" for more series than there may be and more rows or bytes than a batch holds.
 */
export function checkRows(
  { registry, batch }: Pick<Database, "registry" | "batch">,
  rows: readonly CheckedRow[],
): void {
  const families = new Map<string, Family>();
  const fresh = new Set<string>();
  let bytes = 0;
  batch.begin();
  if (rows.length > batch.rowsMax) throw fullBatch();
  for (const { metric, labels = [], point: { value } } of rows) {
    const tags = canonicalLabels(labels);
    checkSource(metric, tags);
    bytes += blobBytes(value);
    const database = tags.find(([name]) => name === "db")?.[1];
    const measurement = `${database?.length ?? ""}:${database ?? ""}${metric}`;
    const family = families.get(measurement) ?? registry.familyOf(metric, tags, DEFAULT_FIELD);
    const given = familyOfKind(value.kind);
    if (family !== undefined && family !== given) {
      throw new EngineError(
        "invalid",
        `Cannot write "${metric}": it holds values of another family than ${value.kind}`,
      );
    }
    families.set(measurement, given);
    if (registry.findSource(metric, tags) === 0) fresh.add(JSON.stringify([metric, tags]));
  }
  if (!batch.hasRoom(rows.length, bytes)) throw fullBatch();
  const room = registry.seriesRoom;
  if (fresh.size > room) {
    throw new EngineError(
      "limit",
      `Cannot create ${fresh.size} series: the settings seriesMax and memoryLimitBytes allow ${room} more`,
    );
  }
}

function fullBatch(): EngineError {
  return new EngineError("limit", "Cannot write rows: the batch is full; write fewer at once");
}

function blobBytes(value: Value): number {
  if (value.kind === "string") return value.value.length * 3 + 1;
  return value.kind === "bytes" || value.kind === "histogram" ? value.value.length + 1 : 0;
}
