/** Random well-typed queries, as text, for properties of parser and printer. */
import fc from "fast-check";

const NAMES = ["a", "b:c", "sum", "by", "offset", "fill", "start", "metric_total"];
const LABELS = ["x", "job", "by", '"a.b"', '"é"'];

/** Queries of all types but string. */
export function queries(): fc.Arbitrary<string> {
  return fc.oneof(...Object.values(types()));
}

function pick(...values: readonly string[]): fc.Arbitrary<string> {
  return fc.constantFrom(...values);
}

/** Parts joined without separators. */
function join(...parts: readonly (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> {
  const arbitraries = parts.map((part) => typeof part === "string" ? fc.constant(part) : part);
  return fc.tuple(...arbitraries).map((texts) => texts.join(""));
}

const labelList: fc.Arbitrary<string> = fc.uniqueArray(pick(...LABELS), { maxLength: 3 })
  .map((labels) => `(${labels.join(",")})`);
const text: fc.Arbitrary<string> = fc.string({ unit: "grapheme", maxLength: 6 })
  .map((value) => "`" + value.replaceAll("`", "") + "`");
const shift: fc.Arbitrary<string> = pick(
  "",
  "",
  " offset 5m",
  " @ 1.5",
  " @ start() offset -1h",
  " offset (1+step())",
);
const range: fc.Arbitrary<string> = pick(
  "5m",
  "300",
  "1h30m",
  "(1m+30s)*2",
  "max_of(step(),1m)",
  "1d",
);

function types(): {
  vector: fc.Arbitrary<string>;
  scalar: fc.Arbitrary<string>;
  matrix: fc.Arbitrary<string>;
} {
  const matcher = join(pick(...LABELS), pick("=", "!="), text);
  const selector = fc.oneof(
    pick(...NAMES),
    join(pick(...NAMES), "{", matcher, ",", matcher, "}"),
    join('{"my.metric",', matcher, "}"),
  );
  const matching = fc.oneof(
    fc.constant(" "),
    join(pick(" on", " ignoring"), labelList, " "),
    join(
      " ignoring",
      labelList,
      pick(" group_left() ", " group_right () ", " group_left (extra) "),
    ),
    pick(" fill (1) ", " fill_left (-Inf) ", " on (x) fill_right (0.5) "),
  );
  return fc.letrec<{ vector: string; scalar: string; matrix: string }>((tie) => ({
    scalar: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      pick("1", "0.5", "-3", "1e30", "0x1F", "Inf", "NaN", "5m", "time()", "pi()"),
      join(tie("scalar"), pick(" + ", " ^ ", " - ", " % ", " >= bool "), tie("scalar")),
      join("-", tie("scalar")),
      join("(", tie("scalar"), ")"),
      join("scalar(", tie("vector"), ")"),
    ),
    matrix: fc.oneof(
      { depthSize: "small" },
      join(selector, "[", range, "]", shift, pick("", " anchored", " smoothed")),
      join("(", tie("vector"), ")[", range, ":", fc.oneof(fc.constant(""), range), "]", shift),
    ),
    vector: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      join(selector, shift),
      join("(", tie("vector"), ")"),
      join("-", tie("vector")),
      // Operands in parentheses: one may end in a scalar that would bind first.
      join(
        "(",
        tie("vector"),
        ")",
        pick("+", " ^ ", " atan2", " == bool", "<"),
        matching,
        "(",
        tie("vector"),
        ")",
      ),
      join(tie("vector"), pick(" and ", " or ", " unless "), tie("vector")),
      join(tie("vector"), pick("+", " ^ ", ">", "</ "), " ", tie("scalar")),
      join(
        pick("sum", "count", "stddev"),
        pick(" by ", " without "),
        labelList,
        "(",
        tie("vector"),
        ")",
      ),
      join(
        pick("topk", "quantile", "limitk"),
        "(",
        tie("scalar"),
        ",",
        tie("vector"),
        ")",
        pick("", " by (x)"),
      ),
      join('count_values("v",', tie("vector"), ")"),
      join(pick("rate", "sum_over_time", "absent_over_time"), "(", tie("matrix"), ")"),
      join("label_replace(", tie("vector"), ",", text, ",", text, ",", text, ",", text, ")"),
      join("vector(", tie("scalar"), ")"),
    ),
  }));
}
