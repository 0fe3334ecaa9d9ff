/** Comparisons of a text with a constant, compiled once for many texts. */
import type { Binary, Expr } from "./ast.ts";
import { compileSearch } from "./regex.ts";

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
