/** What functions and operators may ask of the evaluator: the values of their operands. */
import type { Expr, VectorSelector } from "./ast.ts";
import type { Evaluation, Grid } from "./evaluation.ts";
import type { Row, RowStream } from "./row.ts";
import type { ReadingManner, WindowSeries } from "./selector.ts";
import type { WindowFrame } from "./windows.ts";

/** The series of a range vector one after the other, and where their windows lie. */
export interface WindowStream {
  readonly frame: WindowFrame;
  /** Valid until the next call. */
  next(): WindowSeries | undefined;
}

export interface Evaluator {
  readonly evaluation: Evaluation;
  /** How the plan wants a selector to be read. */
  manner(selector: VectorSelector): ReadingManner;
  vector(expr: Expr, grid: Grid): Promise<RowStream>;
  /** One value a step. The caller may not change it. */
  scalar(expr: Expr, grid: Grid): Promise<Float64Array>;
  windows(expr: Expr, grid: Grid): Promise<WindowStream>;
  /** All rows of a stream that are not empty, to keep. */
  collect(stream: RowStream, grid: Grid): Promise<Row[]>;
  /** Visits all rows; the row is valid only during the visit. */
  forEach(stream: RowStream, grid: Grid, visit: (row: Row) => void): Promise<void>;
}
