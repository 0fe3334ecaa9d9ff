/** Conditions that compare one field with numbers: rows are found in what the engine has read, before anything is copied. */
import type { NumberColumn } from "../../../engine/mod.ts";
import type { ComparisonOperator, Expr } from "../language/ast.ts";
import { isField } from "./condition.ts";
import type { Schema } from "../values/names.ts";

export interface NumberFilter {
  readonly field: string;
  /** All have to hold. */
  readonly tests: readonly NumberTest[];
}

interface NumberTest {
  readonly op: Exclude<ComparisonOperator, "=~" | "!~">;
  readonly value: number;
}

/** Undefined: the condition is another one. */
export function numberFilterOf(
  condition: Expr,
  schema: Pick<Schema, "fields">,
): NumberFilter | undefined {
  if (condition.kind === "parentheses") return numberFilterOf(condition.inner, schema);
  if (condition.kind !== "binary") return undefined;
  const { op, left, right } = condition;
  if (op === "and") {
    const [one, other] = [numberFilterOf(left, schema), numberFilterOf(right, schema)];
    if (one === undefined || one.field !== other?.field) return undefined;
    return { field: one.field, tests: [...one.tests, ...other.tests] };
  }
  const isPlain = left.kind === "reference" && left.cast === undefined && isField(left, schema);
  const isNumber = right.kind === "number" || right.kind === "integer";
  if (!isPlain || !isNumber || !isOrder(op)) return undefined;
  const value = Number(right.value);
  // Larger whole numbers are not what doubles make of them.
  if (right.kind === "integer" && !Number.isSafeInteger(value)) return undefined;
  return { field: left.name, tests: [{ op, value }] };
}

function isOrder(op: string): op is NumberTest["op"] {
  return op === "=" || op === "!=" || op === "<" || op === "<=" || op === ">" || op === ">=";
}

/** The rows whose values pass; none of the values is NaN. */
export function rowsPassing({ values, count }: NumberColumn, { tests }: NumberFilter): Int32Array {
  const rows = new Int32Array(count);
  for (let row = 0; row < count; row++) rows[row] = row;
  let left = count;
  for (const test of tests) left = keepPassing(values, rows.subarray(0, left), test);
  return rows.slice(0, left);
}

/** Moves rows that pass to the front; returns how many. */
function keepPassing(values: Float64Array, rows: Int32Array, { op, value }: NumberTest): number {
  let kept = 0;
  switch (op) {
    case "=":
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!;
        rows[kept] = row;
        kept += values[row]! === value ? 1 : 0;
      }
      return kept;
    case "!=":
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!;
        rows[kept] = row;
        kept += values[row]! !== value ? 1 : 0;
      }
      return kept;
    case "<":
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!;
        rows[kept] = row;
        kept += values[row]! < value ? 1 : 0;
      }
      return kept;
    case "<=":
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!;
        rows[kept] = row;
        kept += values[row]! <= value ? 1 : 0;
      }
      return kept;
    case ">":
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!;
        rows[kept] = row;
        kept += values[row]! > value ? 1 : 0;
      }
      return kept;
    case ">=":
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!;
        rows[kept] = row;
        kept += values[row]! >= value ? 1 : 0;
      }
      return kept;
  }
}
