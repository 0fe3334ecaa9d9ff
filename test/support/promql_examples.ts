/** The shared PromQL cases, beside the checkout; absent where only the repository was copied. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What the cases say about a query's failure: text it contains, text it matches, or nothing. */
export interface ExpectedText {
  readonly message?: string;
  readonly regex?: string;
}

export interface PromqlCase {
  readonly id: string;
  readonly expr: string;
  readonly error?: ExpectedText;
}

interface ExampleFile {
  readonly groups: readonly { readonly cases: readonly PromqlCase[] }[];
}

const DIRECTORY = join(import.meta.dir, "../../../shared/promql-examples");

/** Why the cases cannot be read, undefined when they can. */
export const examplesMissing: string | undefined = existsSync(DIRECTORY)
  ? undefined
  : "shared PromQL examples are not beside this checkout";

/** All cases of all files. */
export function promqlCases(): PromqlCase[] {
  if (examplesMissing !== undefined) return [];
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) =>
      (JSON.parse(readFileSync(join(DIRECTORY, name), "utf8")) as ExampleFile).groups
    )
    .flatMap((group) => group.cases);
}
