/** What names in a statement may stand for. */
import type { Kind } from "./columns.ts";

/** Names of fields and of tags. */
export interface Schema {
  readonly fields: ReadonlyMap<string, Kind>;
  readonly tags: ReadonlySet<string>;
}
