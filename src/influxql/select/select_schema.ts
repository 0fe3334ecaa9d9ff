/** What names in a SELECT stand for, over all measurements that it reads. */
import { compareText } from "../../../engine/mod.ts";
import type { Pauses } from "../../slices.ts";
import type { Cast } from "../language/ast.ts";
import { type Kind, preferredKind } from "../values/columns.ts";
import type { Schema } from "../values/names.ts";
import type { SeriesSource } from "../sources/series_source.ts";

/** A name that `*` may stand for. */
export interface ListedName {
  readonly name: string;
  readonly kind: Kind | "tag";
  /** A subquery hands tags out as fields. */
  readonly isField: boolean;
}

export interface ListOptions {
  readonly withTags: boolean;
  /** Tags that are left out. */
  readonly without: ReadonlySet<string>;
  readonly pauses: Pauses;
}

type PresentSchema = Schema & Pick<SeriesSource, "tagFields">;

/** Where the values of a reference come from; undefined: from nowhere. */
export type Origin =
  | { readonly from: "field"; readonly kind: Kind }
  | { readonly from: "tag"; readonly kind: "string" }
  | undefined;

const TAG: Origin = { from: "tag", kind: "string" };
/** In which order one name's field and tag stand. */
const KIND_ORDER: readonly ListedName["kind"][] = [
  "float",
  "integer",
  "string",
  "boolean",
  "tag",
  "unsigned",
];

export class SelectSchema implements Schema {
  readonly fields: ReadonlyMap<string, Kind>;
  readonly #sources: readonly SeriesSource[];
  #tags: ReadonlySet<string> | undefined;
  #listed: readonly PresentSchema[] | undefined;

  constructor(sources: readonly SeriesSource[]) {
    this.#sources = sources;
    this.fields = fieldsOf(sources);
  }

  get tags(): ReadonlySet<string> {
    return this.#tags ??= new Set(this.#sources.flatMap((source) => [...source.tags]));
  }

  originOf(name: string, cast: Cast | undefined): Origin {
    if (cast === "tag") return this.tags.has(name) ? TAG : undefined;
    const kind = this.fields.get(name);
    if (kind !== undefined) return { from: "field", kind: castKind(kind, cast) };
    if (cast !== undefined) return undefined;
    return this.tags.has(name) ? TAG : undefined;
  }

  /** What `*` stands for, sorted: fields, and tags but for those named. */
  async list(options: ListOptions): Promise<ListedName[]> {
    const names: ListedName[] = [];
    const present = await this.#present(options.pauses);
    for (const [name, kind] of fieldsOf(present)) {
      const isTag = present.every(({ fields, tagFields }) =>
        tagFields.has(name) || !fields.has(name)
      );
      names.push({ name, kind: isTag ? "tag" : kind, isField: true });
    }
    if (options.withTags && names.length > 0) {
      const tags = new Set(present.flatMap((each) => [...each.tags]));
      for (const name of tags) {
        if (!options.without.has(name)) names.push({ name, kind: "tag", isField: false });
      }
    }
    return names.sort((left, right) =>
      compareText(left.name, right.name) ||
      KIND_ORDER.indexOf(left.kind) - KIND_ORDER.indexOf(right.kind)
    );
  }

  /** Tags of what is there, sorted. */
  async listTags(pauses: Pauses): Promise<string[]> {
    const present = await this.#present(pauses);
    return [...new Set(present.flatMap(({ tags }) => [...tags]))].sort(compareText);
  }

  async #present(pauses: Pauses): Promise<readonly PresentSchema[]> {
    if (this.#listed !== undefined) return this.#listed;
    const listed: PresentSchema[] = [];
    for (const source of this.#sources) {
      const { fields, tags } = await source.present(pauses);
      listed.push({ fields, tags, tagFields: source.tagFields });
    }
    return this.#listed = listed;
  }
}

function fieldsOf(schemas: readonly Pick<Schema, "fields">[]): Map<string, Kind> {
  const fields = new Map<string, Kind>();
  for (const schema of schemas) {
    for (const [name, kind] of schema.fields) {
      const known = fields.get(name);
      fields.set(name, known === undefined ? kind : preferredKind([known, kind])!);
    }
  }
  return fields;
}

/** The kind that a field is read in. */
function castKind(kind: Kind, cast: Cast | undefined): Kind {
  const isKind = cast !== undefined && cast !== "tag" && cast !== "field";
  return isKind ? cast : kind;
}
