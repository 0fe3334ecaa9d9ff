/**
 * A tree as text: in canonical form on one line, or laid out over several lines where it is long.
 *
 * The text parses to the same tree, but for spelling: durations are written in their largest units, matchers in
 * the order of their text, and modifiers in the order range, `anchored` or `smoothed`, `@`, `offset`.
 */
import type {
  Aggregation,
  AtModifier,
  BinaryExpr,
  Duration,
  Expr,
  MatrixSelector,
  NumberLiteral,
  Subquery,
  VectorSelector,
} from "./ast.ts";
import { formatDuration } from "./durations.ts";
import { compareText } from "../../engine/mod.ts";
import { formatDecimal } from "./number_format.ts";
import type { LabelMatcher } from "./queryable.ts";
import { isIdentifier, quote } from "./strings.ts";

/** Longest line of a laid-out query, unless something on it cannot be split. */
const LINE_LENGTH_MAX = 100;
/** Words that would be read as numbers in a list of labels. */
const UNFIT_AS_LABEL = /^(?:inf|nan)$/i;

/** The query on one line. */
export function printExpr(expr: Expr): string {
  return new Printer().line(expr);
}

/** The query over as many lines as it needs, as `format_query` answers. */
export function prettyPrint(expr: Expr): string {
  return new Printer().lines(expr, 0);
}

class Printer {
  /** Lines by node, so that asking every node for its length stays linear. */
  readonly #lines = new Map<Expr, string>();

  line(expr: Expr): string {
    let text = this.#lines.get(expr);
    if (text === undefined) {
      text = this.#print(expr);
      this.#lines.set(expr, text);
    }
    return text;
  }

  lines(expr: Expr, level: number): string {
    const indent = "  ".repeat(level);
    if (expr.kind === "step_invariant") return this.lines(expr.expr, level);
    const line = this.line(expr);
    if (line.length <= LINE_LENGTH_MAX) return indent + line;
    switch (expr.kind) {
      case "aggregation": {
        const param = expr.param === undefined ? "" : `${this.lines(expr.param, level + 1)},\n`;
        const head = indent + aggregationHead(expr);
        return `${head}(\n${param}${this.lines(expr.expr, level + 1)}\n${indent})`;
      }
      case "binary": {
        const operator = `${indent}${expr.operator}${operatorClauses(expr)}`;
        return `${this.lines(expr.left, level + 1)}\n${operator}\n${
          this.lines(expr.right, level + 1)
        }`;
      }
      case "call": {
        if (expr.args.length === 0) return indent + line;
        const args = expr.args.map((argument) => this.lines(argument, level + 1)).join(",\n");
        return `${indent}${expr.signature.name}(\n${args}\n${indent})`;
      }
      case "paren":
        return `${indent}(\n${this.lines(expr.expr, level + 1)}\n${indent})`;
      case "subquery":
        return this.lines(expr.expr, level) + subqueryTail(expr);
      case "unary":
        return indent + expr.operator + this.lines(expr.expr, level).trimStart();
      case "number":
      case "string":
      case "vector_selector":
      case "matrix_selector":
        return indent + line;
    }
  }

  #print(expr: Expr): string {
    switch (expr.kind) {
      case "number":
        return printNumber(expr);
      case "string":
        return quote(expr.value);
      case "vector_selector":
        return printSelector(expr) + printModifiers(expr);
      case "matrix_selector":
        return printMatrix(expr);
      case "subquery":
        return this.line(expr.expr) + subqueryTail(expr);
      case "unary":
        return expr.operator + this.line(expr.expr);
      case "binary": {
        const operator = expr.operator + operatorClauses(expr);
        // The sign of `+Inf` would bind looser than the power behind it.
        if (operator === "^" && expr.left.kind === "number" && expr.left.value === Infinity) {
          this.#lines.set(expr.left, "Inf");
        }
        return `${this.line(expr.left)} ${operator} ${this.line(expr.right)}`;
      }
      case "aggregation": {
        const param = expr.param === undefined ? "" : `${this.line(expr.param)}, `;
        return `${aggregationHead(expr)}(${param}${this.line(expr.expr)})`;
      }
      case "call":
        return `${expr.signature.name}(${
          expr.args.map((argument) => this.line(argument)).join(", ")
        })`;
      case "paren":
        return `(${this.line(expr.expr)})`;
      case "step_invariant":
        return this.line(expr.expr);
    }
  }
}

function printNumber(expr: NumberLiteral): string {
  if (expr.isDuration) return formatDuration(Math.round(expr.value * 1000));
  return formatDecimal(expr.value);
}

function aggregationHead(expr: Aggregation): string {
  if (expr.without) return `${expr.operator} without (${printLabels(expr.labels)}) `;
  if (expr.labels.length > 0) return `${expr.operator} by (${printLabels(expr.labels)}) `;
  return expr.operator;
}

/** All that stands between an operator and its right operand. */
function operatorClauses(expr: BinaryExpr): string {
  let text = expr.bool ? " bool" : "";
  const matching = expr.matching;
  if (matching === undefined) return text;
  const { cardinality, on, labels, include, fillLeft, fillRight } = matching;
  const grouped = cardinality === "many-to-one" || cardinality === "one-to-many";
  if (on || labels.length > 0 || grouped) {
    text += ` ${on ? "on" : "ignoring"} (${printLabels(labels)})`;
  }
  if (grouped) {
    text += ` group_${cardinality === "many-to-one" ? "left" : "right"} (${printLabels(include)})`;
  }
  if (fillLeft !== undefined && Object.is(fillLeft, fillRight)) {
    return `${text} fill (${formatDecimal(fillLeft)})`;
  }
  if (fillLeft !== undefined) text += ` fill_left (${formatDecimal(fillLeft)})`;
  if (fillRight !== undefined) text += ` fill_right (${formatDecimal(fillRight)})`;
  return text;
}

function printLabels(labels: readonly string[]): string {
  return labels
    .map((label) => isIdentifier(label) && !UNFIT_AS_LABEL.test(label) ? label : quote(label))
    .join(", ");
}

function printSelector(selector: VectorSelector): string {
  const { name, matchers } = selector;
  const conditions = matchers.slice(name === undefined ? 0 : 1).map(printMatcher).sort(compareText);
  const braces = conditions.length === 0 ? "" : `{${conditions.join(",")}}`;
  return (name ?? "") + braces;
}

function printMatcher({ name, operator, value }: LabelMatcher): string {
  return (isIdentifier(name) ? name : quote(name)) + operator + quote(value);
}

function printMatrix(expr: MatrixSelector): string {
  const { selector, range } = expr;
  return `${printSelector(selector)}[${printDuration(range)}]${printModifiers(selector)}`;
}

function subqueryTail(expr: Subquery): string {
  const step = expr.step === undefined ? "" : printDuration(expr.step);
  return `[${printDuration(expr.range)}:${step}]${printAt(expr.at)}${printOffset(expr.offset)}`;
}

function printModifiers(selector: VectorSelector): string {
  const extended = selector.modifier === undefined ? "" : ` ${selector.modifier}`;
  return extended + printAt(selector.at) + printOffset(selector.offset);
}

function printAt(at: AtModifier | undefined): string {
  if (at === undefined) return "";
  return at.kind === "time" ? ` @ ${(at.ms / 1000).toFixed(3)}` : ` @ ${at.kind}()`;
}

function printOffset(offset: Duration | undefined): string {
  return offset === undefined ? "" : ` offset ${printDuration(offset)}`;
}

/** A whole range, step or offset: a literal by itself is always written with units. */
function printDuration(duration: Duration): string {
  return duration.kind === "literal"
    ? formatDuration(Math.round(duration.seconds * 1e6) / 1000)
    : printPart(duration);
}

function printPart(duration: Duration): string {
  switch (duration.kind) {
    case "literal":
      return duration.isDuration
        ? formatDuration(Math.round(duration.seconds * 1000))
        : formatDecimal(duration.seconds);
    case "step":
    case "range":
      return `${duration.kind}()`;
    case "paren":
      return `(${printPart(duration.operand)})`;
    case "unary":
      return duration.operator + printPart(duration.operand);
    case "binary": {
      const { operator, left, right } = duration;
      return operator === "min_of" || operator === "max_of"
        ? `${operator}(${printPart(left)}, ${printPart(right)})`
        : `${printPart(left)} ${operator} ${printPart(right)}`;
    }
  }
}
