/** Applies a function over windows to each series of a range vector. */
import type { Call, Expr } from "./ast.ts";
import { PromqlError } from "./errors.ts";
import type { Grid } from "./evaluation.ts";
import type { Evaluator, WindowStream } from "./evaluator_face.ts";
import { labelValue, METRIC_NAME } from "./labels.ts";
import type { RangeCall, RangeFunction } from "./range_call.ts";
import { EXTENDED_FUNCTIONS, KEEPS_NAME } from "./range_functions.ts";
import type { Row, RowStream } from "./row.ts";
import { EMPTY_IN_A_ROW_MAX } from "./selector.ts";
import { isLongRow, RowInParts } from "./window_parts.ts";
import { Windows } from "./windows.ts";

/** Counters end so, by convention. */
const COUNTER_NAME = /_(?:total|sum|count|bucket)$/;

export async function overWindows(
  node: Call,
  evaluator: Evaluator,
  grid: Grid,
  compute: RangeFunction,
): Promise<RowStream> {
  const { name } = node.signature;
  let rangeArgument = node.args[0]!;
  let parameterArgument: Expr | undefined;
  const parameters: Float64Array[] = [];
  for (const arg of node.args) {
    if (arg.type === "matrix") rangeArgument = arg;
    if (arg.type !== "scalar") continue;
    parameterArgument ??= arg;
    parameters.push(await evaluator.scalar(arg, grid));
  }
  const source = await evaluator.windows(rangeArgument, grid);
  checkModifier(name, source);
  const call: RangeCall = {
    annotations: evaluator.evaluation.annotations,
    position: rangeArgument.position,
    parameterPosition: (parameterArgument ?? rangeArgument).position,
    parameters,
    countWork: (samples) => evaluator.evaluation.countWork(samples),
    folder: evaluator.evaluation.session.folder,
    times: grid.times,
  };
  const windows = new Windows(source.frame);
  const extended = source.frame.modifier !== undefined;
  const counter = name === "rate" || name === "increase";
  const counterNames = new CounterNames(call);
  const { evaluation } = evaluator;
  let parts: RowInParts | undefined;
  let dropsName = false;
  /** Goes on with the row that is being made; an empty one stands for it until it is whole. */
  const goOn = (row: Row, making: RowInParts): true => {
    row.clear();
    row.dropName = dropsName;
    while (making.advance()) if (evaluation.isDue) return true;
    parts = undefined;
    making.moveTo(row);
    return true;
  };
  return {
    next(row) {
      if (parts !== undefined) return goOn(row, parts);
      for (let empty = 0;; empty++) {
        const series = source.next();
        if (series === undefined) return false;
        // Extended windows may have a result where no sample lies inside them.
        const isEmpty = !windows.slide(series.times, series.count) && !extended;
        if (isEmpty && empty < EMPTY_IN_A_ROW_MAX) continue;
        row.clear();
        row.takeLabels(series.source);
        row.dropName = series.dropName || !KEEPS_NAME.has(name);
        if (isEmpty) return true;
        if (isLongRow(name, series, windows)) {
          dropsName = row.dropName;
          return goOn(row, parts = new RowInParts(series, windows, compute, call));
        }
        compute(series, windows, row, call);
        if (counter) counterNames.check(row, series.count);
        return true;
      }
    },
  };
}

function checkModifier(name: string, { frame: { modifier } }: WindowStream): void {
  if (modifier === undefined || EXTENDED_FUNCTIONS[modifier].includes(name)) return;
  throw new PromqlError(
    "execution",
    `${modifier} modifier can only be used with: ${
      EXTENDED_FUNCTIONS[modifier].join(", ")
    } - not with ${name}`,
  );
}

/** Tells of rate and increase of something that does not look like a counter. */
class CounterNames {
  readonly #call: RangeCall;
  /** What was told last: series of one metric mostly come together. */
  #name = "";
  #type = "";

  constructor(call: RangeCall) {
    this.#call = call;
  }

  check({ labels, kinds }: Row, count: number): void {
    const name = labelValue(labels, METRIC_NAME);
    const type = labelValue(labels, "__type__");
    if (name === this.#name && type === this.#type) return;
    if (name === "" || count === 0 || !kinds.includes(1)) return;
    this.#name = name;
    this.#type = type;
    const { annotations, position } = this.#call;
    const quoted = JSON.stringify(name);
    if (type !== "" && type !== "counter" && type !== "histogram") {
      annotations.inform(
        'metric might not be a counter, __type__ label is not set to "counter" or "histogram", ' +
          `got ${JSON.stringify(type)}: ${quoted}`,
        position,
      );
    } else if (type === "" && !COUNTER_NAME.test(name)) {
      annotations.inform(
        `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quoted}`,
        position,
      );
    }
  }
}
