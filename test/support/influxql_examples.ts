/** The shared InfluxQL cases, beside the checkout; absent where only the repository was copied. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface ExampleQuery {
  readonly name: string;
  readonly tier: number;
  readonly params: Readonly<Record<string, string>>;
  readonly command: string;
  /** The body of the answer. */
  readonly expect: string;
  readonly status?: number;
  /** `expect` is a regular expression. */
  readonly pattern?: boolean;
  readonly accept?: string;
  /** Only that it is an error. */
  readonly looseError?: boolean;
  readonly seriesAnyOrder?: boolean;
  /** Which of several rows with equal times are there is accidental. */
  readonly tieSensitive?: boolean;
  /** InfluxDB gave exactly this. */
  readonly verified: boolean;
  /** What InfluxDB 1.6.7 gave where it was something else. */
  readonly actual167?: string;
}

export interface ExampleWrite {
  readonly lines: readonly string[];
  readonly db?: string;
  readonly rp?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly status?: number;
}

export interface ExampleSetup {
  readonly db: string;
  readonly rp?: string;
  readonly duration?: string;
}

export type ExampleStep =
  | { readonly create: ExampleSetup }
  | { readonly write: ExampleWrite }
  | { readonly query: ExampleQuery };

export interface InfluxqlCase {
  readonly id: string;
  readonly db: string;
  readonly rp?: string;
  readonly setup: readonly ExampleSetup[];
  readonly writes?: readonly string[];
  readonly writesMulti?: readonly ExampleWrite[];
  readonly steps?: readonly ExampleStep[];
  /** Needs these settings of the server. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly queries: readonly ExampleQuery[];
}

const FILE = join(import.meta.dir, "../../../shared/influx-examples/influxql.json");

/** Why the cases cannot be read, undefined when they can. */
export const examplesMissing: string | undefined = existsSync(FILE)
  ? undefined
  : "shared InfluxQL examples are not beside this checkout";

export function influxqlCases(): readonly InfluxqlCase[] {
  if (examplesMissing !== undefined) return [];
  return (JSON.parse(readFileSync(FILE, "utf8")) as { cases: InfluxqlCase[] }).cases;
}
