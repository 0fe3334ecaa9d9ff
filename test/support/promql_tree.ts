/** Trees in short: for comparing structure while positions and spelling differ. */
import type { Duration, Expr } from "../../src/promql/ast.ts";

/** The tree as an S-expression: `(+ a (rate (range b 300)))`. */
export function sketch(expr: Expr): string {
  switch (expr.kind) {
    case "number":
      return expr.isDuration
        ? `${expr.value}s`
        : String(Object.is(expr.value, -0) ? "-0" : expr.value);
    case "string":
      return JSON.stringify(expr.value);
    case "vector_selector": {
      const matchers = expr.matchers.slice(expr.name === undefined ? 0 : 1)
        .map((matcher) =>
          ` ${JSON.stringify(matcher.name)}${matcher.operator}${JSON.stringify(matcher.value)}`
        ).sort();
      const modifiers = shift(expr) + (expr.modifier === undefined ? "" : ` ${expr.modifier}`);
      const name = expr.name === undefined ? "*" : JSON.stringify(expr.name);
      return matchers.length + modifiers.length === 0
        ? name
        : `(${name}${matchers.join("")}${modifiers})`;
    }
    case "matrix_selector":
      return `(range ${sketch(expr.selector)} ${duration(expr.range)})`;
    case "subquery": {
      const step = expr.step === undefined ? "" : ` ${duration(expr.step)}`;
      return `(subquery ${sketch(expr.expr)} ${duration(expr.range)}${step}${shift(expr)})`;
    }
    case "unary":
      return `(${expr.operator} ${sketch(expr.expr)})`;
    case "binary":
      return `(${expr.operator}${expr.bool ? " bool" : ""}${matching(expr.matching)} ${
        sketch(expr.left)
      } ${sketch(expr.right)})`;
    case "aggregation": {
      const grouping = `${expr.without ? "without" : "by"} ${JSON.stringify(expr.labels)}`;
      const param = expr.param === undefined ? "" : `${sketch(expr.param)} `;
      return `(${expr.operator} ${grouping} ${param}${sketch(expr.expr)})`;
    }
    case "call":
      return `(${[expr.signature.name, ...expr.args.map(sketch)].join(" ")})`;
    case "paren":
      return `[${sketch(expr.expr)}]`;
    case "step_invariant":
      return `(invariant ${sketch(expr.expr)})`;
  }
}

function matching(clause: Extract<Expr, { kind: "binary" }>["matching"]): string {
  if (clause === undefined) return "";
  const { cardinality, on, labels, include, fillLeft, fillRight } = clause;
  if (
    !on && labels.length === 0 && !cardinality.includes("one-to-many") &&
    cardinality !== "many-to-one"
  ) {
    return fills(fillLeft, fillRight);
  }
  const groups = cardinality.startsWith("many-to-one") || cardinality === "one-to-many"
    ? ` ${cardinality} ${JSON.stringify(include)}`
    : "";
  return ` ${on ? "on" : "ignoring"} ${JSON.stringify(labels)}${groups}${
    fills(fillLeft, fillRight)
  }`;
}

function fills(left: number | undefined, right: number | undefined): string {
  return (left === undefined ? "" : ` left=${left}`) +
    (right === undefined ? "" : ` right=${right}`);
}

function shift(expr: Extract<Expr, { kind: "vector_selector" | "subquery" }>): string {
  const at = expr.at === undefined
    ? ""
    : ` @${expr.at.kind === "time" ? expr.at.ms : expr.at.kind}`;
  return at + (expr.offset === undefined ? "" : ` offset ${duration(expr.offset)}`);
}

function duration(node: Duration): string {
  switch (node.kind) {
    case "literal":
      return String(Math.round(node.seconds * 1e6) / 1e6);
    case "step":
    case "range":
      return node.kind;
    case "paren":
      return `[${duration(node.operand)}]`;
    case "unary":
      return `(${node.operator} ${duration(node.operand)})`;
    case "binary":
      return `(${node.operator} ${duration(node.left)} ${duration(node.right)})`;
  }
}
