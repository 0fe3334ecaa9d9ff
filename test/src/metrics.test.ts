import { expect, test } from "bun:test";
import { Metrics } from "../../src/metrics.ts";

test("counters, gauges and labels", () => {
  const metrics = new Metrics();
  metrics.counter("a_total", "A.").add(2);
  const children = metrics.counters("b_total", "B.", ["path", "status"]);
  children.with('/x"\n\\', "204").add();
  metrics.gauge("c", "C.", () => 1.5);
  metrics.gauge("d", "D.", () => undefined);
  metrics.gauges("e", "E.", "use", () => ({ head: 3 }));
  metrics.info("f_info", "F.", { version: "1" });
  expect(metrics.render()).toBe(`# HELP a_total A.
# TYPE a_total counter
a_total 2
# HELP b_total B.
# TYPE b_total counter
b_total{path="/x\\"\\n\\\\",status="204"} 1
# HELP c C.
# TYPE c gauge
c 1.5
# HELP d D.
# TYPE d gauge
# HELP e E.
# TYPE e gauge
e{use="head"} 3
# HELP f_info F.
# TYPE f_info gauge
f_info{version="1"} 1
`);
});

test("histograms count up to each bound", () => {
  const metrics = new Metrics();
  const seconds = metrics.histograms("s", "S.", ["path"], [0.1, 1]).with("/x");
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value);
  expect(metrics.render()).toContain(`s_bucket{path="/x",le="0.1"} 2
s_bucket{path="/x",le="1"} 3
s_bucket{path="/x",le="+Inf"} 4
s_sum{path="/x"} 7.65
s_count{path="/x"} 4
`);
});

test("children are bounded: what comes after is counted as other", () => {
  const metrics = new Metrics();
  const children = metrics.counters("x_total", "X.", ["name"]);
  for (let index = 0; index < 1_000; index++) children.with(`n${index}`).add();
  const lines = metrics.render().split("\n").filter((line) => line.startsWith("x_total"));
  expect(lines).toHaveLength(201);
  expect(lines.at(-1)).toBe('x_total{name="other"} 800');
});

test("a name is used once", () => {
  const metrics = new Metrics();
  metrics.counter("a", "A.");
  expect(() => metrics.counter("a", "A.")).toThrow("exists already");
});
