import { expect, test } from "bun:test";
import {
  CandidateCache,
  CANDIDATES_KEPT_MAX,
  selectionKey,
} from "../../../engine/series/candidate_cache.ts";

const ONE = new Map([[8, Uint32Array.of(1)]]);

test("what is kept goes when sources come, and when there is no more room", () => {
  const postings = { generation: 1, sourceCount: 1 };
  const cache = new CandidateCache(postings);
  cache.set("a", ONE);
  expect(cache.get("a")).toBe(ONE);
  postings.sourceCount = 2;
  expect(cache.get("a")).toBeUndefined();
  cache.set("a", ONE);
  postings.generation = 2;
  expect(cache.get("a")).toBeUndefined();
  cache.set("a", ONE);
  for (let i = 0; i < 63; i++) cache.set(`other ${i}`, ONE);
  expect(cache.get("a")).toBe(ONE);
  for (let i = 63; i < 126; i++) cache.set(`other ${i}`, ONE);
  expect(cache.get("a")).toBe(ONE);
  expect(cache.get("other 62")).toBeUndefined();
});

test("large selections are not kept", () => {
  const cache = new CandidateCache({ generation: 0, sourceCount: 0 });
  cache.set("a", new Map([[8, new Uint32Array(CANDIDATES_KEPT_MAX + 1)]]));
  cache.set("b".repeat(5_000), ONE);
  expect([cache.get("a"), cache.get("b".repeat(5_000))]).toEqual([undefined, undefined]);
});

test("keys tell selections apart whatever stands in names and values", () => {
  const keys = [
    selectionKey([1, 2], []),
    selectionKey([12], []),
    selectionKey([1], [{ name: "a", operator: "=", value: "b" }]),
    selectionKey([1], [{ name: "a", operator: "=~", value: "b" }]),
    selectionKey([1], [{ name: "a", operator: "=", value: "~b" }]),
    selectionKey([1], [{ name: "a", operator: "=", value: "b1:c=1:d" }]),
    selectionKey([1], [
      { name: "a", operator: "=", value: "b" },
      { name: "c", operator: "=", value: "d" },
    ]),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});
