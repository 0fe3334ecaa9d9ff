/** Comparisons of a text with a constant, compiled once for many texts: those of tags, of which a query has many. */
import type { Binary, Expr } from "../language/ast.ts";
import { compileSearch } from "../language/regex.ts";

export type TextTest = (text: string) => boolean;

/** Undefined for comparisons that no text passes. */
export function textTest(op: Binary["op"], other: Expr): TextTest | undefined {
  if (other.kind === "regex") {
    const regex = compileSearch(other.pattern);
    if (op === "=~") return (text) => regex.matches(text);
    if (op === "!~") return (text) => !regex.matches(text);
    return undefined;
  }
  if (other.kind !== "string") return undefined;
  const { value } = other;
  if (op === "=") return (text) => text === value;
  return op === "!=" ? (text) => text !== value : undefined;
}

const known = new WeakMap<Binary, TextTest | undefined>();

/** The test of a comparison's left side; the same comparison is compiled once. */
export function knownTextTest(comparison: Binary): TextTest | undefined {
  if (known.has(comparison)) return known.get(comparison);
  const test = textTest(comparison.op, comparison.right);
  known.set(comparison, test);
  return test;
}
