/** Columns that the engine reads are taken before anybody else may read: others overwrite them at each pause. */
import { expect, test } from "bun:test";
import { QueryEngine } from "../../src/promql/query_engine.ts";
import type { Queryable, QuerySession, SampleColumns } from "../../src/promql/queryable.ts";
import { ask } from "../support/promql_query.ts";
import { loadBlock } from "../support/promql_series.ts";
import { ArrayStorage } from "../support/promql_storage.ts";

const READ_MS = 11;
const COUNT_MAX = 64;

/** Reads slowly into arrays that all sessions share; whatever awaits finds them overwritten. */
class ReusingStorage implements Queryable {
  readonly #storage = new ArrayStorage();
  readonly #times = new Float64Array(COUNT_MAX);
  readonly #values = new Float64Array(COUNT_MAX);

  constructor(series: readonly string[]) {
    loadBlock(this.#storage, { every: "1m", series });
  }

  open(): QuerySession {
    const session = this.#storage.open();
    return {
      select: async (matchers, bounds, pauses) => {
        const series = await session.select(matchers, bounds, pauses);
        return Array.from({ length: series.length }, (_, index) => series.at(index)!)
          .map(({ labels, read }) => ({ labels, read: (inner) => this.#reuse(read(inner)) }));
      },
      [Symbol.dispose]: () => session[Symbol.dispose](),
    };
  }

  #reuse(columns: SampleColumns): SampleColumns {
    const until = performance.now() + READ_MS;
    while (performance.now() < until);
    this.#times.set(columns.times.subarray(0, columns.count));
    this.#values.set(columns.values.subarray(0, columns.count));
    setImmediate(() => {
      this.#times.fill(7);
      this.#values.fill(-999);
    });
    return { ...columns, times: this.#times, values: this.#values };
  }
}

const SERIES = ['m{a="1"} 1+1x20', 'm{a="2"} 5+2x20', 'n{a="1",b="x"} 3+1x20'];

test.each([
  "m[5m]",
  "m",
  "rate(m[5m])",
  "sum(m)",
  "topk(1, m)",
  "m + ignoring(b) group_left n",
  "max_over_time(rate(m[2m])[6m:1m])",
  "m[6m:1m]",
  "quantile_over_time(0.5, m[5m])",
  'label_replace(m, "c", "$1", "a", "(.*)")',
  "sort(m) or n",
  "absent(x)",
])("%s", async (query) => {
  const plain = new ArrayStorage();
  loadBlock(plain, { every: "1m", series: SERIES });
  const expected = await ask(new QueryEngine({ queryable: plain }), query, 600);
  const reused = new QueryEngine({ queryable: new ReusingStorage(SERIES) });
  expect(await ask(reused, query, 600)).toEqual(expected);
});
