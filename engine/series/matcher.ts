/** Conditions on labels. A missing label is the empty string; several matchers are ANDed. */

export type MatchOperator = "=" | "!=" | "=~" | "!~";

/** One condition on one label. Regular expressions have RE2's syntax, are anchored at both ends, and run in linear time. */
export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
}
