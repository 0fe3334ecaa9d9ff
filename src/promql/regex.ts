/** Regular expressions of matchers: RE2 syntax, anchored at both ends, the dot matches newlines; linear time. */
import { RE2JS } from "re2js";

/** A compiled expression. */
export interface AnchoredRegex {
  matches(text: string): boolean;
}

/** Compiles an expression. Throws an Error whose message tells what is wrong with it. */
export function compileAnchored(pattern: string): AnchoredRegex {
  const compiled = RE2JS.compile(pattern, RE2JS.DOTALL);
  return { matches: (text) => compiled.matches(text) };
}
