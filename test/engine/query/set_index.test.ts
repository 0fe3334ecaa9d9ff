/** Finding the set of a source among few and among very many. */
import { expect, test } from "bun:test";
import { SetIndex } from "../../../engine/query/set_index.ts";
import type { SourceSet } from "../../../engine/query/source_set.ts";

function setOf(...ids: readonly number[]): SourceSet {
  const held: Pick<SourceSet, "ids" | "positionOf"> = {
    ids: Uint32Array.from(ids),
    positionOf: (source) => ids.indexOf(source),
  };
  return held as SourceSet;
}

test.each([1, 8, 9, 1_000])(
  "each of %d sets is found by its sources, the first by shared ones",
  (count) => {
    const sets: SourceSet[] = [];
    const index = new SetIndex(sets);
    for (let i = 0; i < count; i++) {
      sets.push(setOf(i + 1, i + 1 + count, 10_000));
      expect(index.find(i + 1)).toBe(sets[i]!);
    }
    for (let i = 0; i < count; i++) expect(index.find(i + 1 + count)).toBe(sets[i]!);
    expect(index.find(10_000)).toBe(sets[0]!);
    for (const absent of [0, 2 * count + 1, 10_001]) expect(index.find(absent)).toBeUndefined();
  },
);

test("sets without sources are in no way", () => {
  const sets = Array.from({ length: 20 }, (_, i) => i === 19 ? setOf(7) : setOf());
  expect(new SetIndex(sets).find(7)).toBe(sets[19]!);
});
