/** Names and values of InfluxQL, and conditions on tags, for those who write random queries. */
import type { Measurement } from "./influxql_data.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** A name as it stands in a query: quoted where it must be. */
export function identifier(name: string): string {
  return /^[a-z_]\w*$/.test(name) && name !== "kind" ? name : JSON.stringify(name);
}

export function literal(value: string): string {
  return `'${value.replaceAll(/['\\]/g, "\\$&")}'`;
}

const PATTERNS = [
  "/a/",
  "/^[ab]$/",
  "/./",
  "/^$/",
  "/.*/",
  "/(?i)US|1/",
  "/ü|x=y/",
  "/zzz/",
  "/^a|c d$/",
];

/** A comparison of one of the measurement's tags, or of a tag that is none. */
export function whereTags(random: SeededRandom, { series }: Measurement): string {
  const keys = [...new Set(series.flatMap((each) => Object.keys(each)))];
  const key = random.below(12) === 0 ? "absent" : random.pick(keys);
  const values = [...new Set(series.map((each) => each[key] ?? "")), "other", ""];
  const name = identifier(key) + (random.below(8) === 0 ? "::tag" : "");
  switch (random.below(5)) {
    case 0:
      return `${name} ${random.pick(["=~", "!~"])} ${random.pick(PATTERNS)}`;
    case 1:
      return `${name} ${random.pick(["!=", "<>"])} ${literal(random.pick(values))}`;
    default:
      return `${name} = ${literal(random.pick(values))}`;
  }
}
