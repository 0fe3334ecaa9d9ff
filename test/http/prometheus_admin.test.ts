import { beforeEach, expect, test } from "bun:test";
import { type Database, EngineError, type Selection } from "../../engine/mod.ts";
import { PrometheusAdmin } from "../../src/http/prometheus_admin.ts";
import { describe as describeError, PrometheusAnswers } from "../../src/http/prometheus_answers.ts";

let calls: unknown[];
let gate: Promise<void>;
let admin: PrometheusAdmin;

beforeEach(() => {
  calls = [];
  gate = Promise.resolve();
  const database = {
    settings: { timeUnit: "ms" },
    delete: async (selection: Selection) => {
      calls.push(selection);
      return { matchedSeries: 1, tombstones: 1 };
    },
    flush: async () => void calls.push("flush"),
    compact: () => gate.then(() => void calls.push("compact")),
    removeObsolete: () => void calls.push("remove obsolete"),
    snapshot: async (directory: string) => void calls.push(directory),
  };
  admin = new PrometheusAdmin({
    database: database as unknown as Database,
    logger: { log: () => {} },
    snapshotsDirectory: "data/snapshots",
    nowMs: () => Date.UTC(2024, 0, 2, 3, 4, 5),
    random: () => 0.5,
  }, new PrometheusAnswers({ bytesMax: 1_000 }));
});

function request(parameters = ""): Request {
  return new Request(`http://x/admin?${parameters}`, { method: "POST" });
}

test("series are deleted, both bounds inclusive", async () => {
  const response = await admin.deleteSeries(request("match[]=a&match[]=b&start=1&end=2"));
  expect(response.status).toBe(204);
  const selection = (value: string) => ({
    matchers: [{ name: "__name__", operator: "=", value }],
    range: { start: 1_000n, end: 2_001n },
  });
  expect(calls).toEqual([selection("a"), selection("b")]);
});

test("without selector nothing is deleted", async () => {
  await expect(admin.deleteSeries(request("start=1"))).rejects.toThrow(
    "no match[] parameter provided",
  );
  expect(calls).toEqual([]);
});

test("a snapshot has a name of its own", async () => {
  const response = await admin.snapshot(request());
  const name = "20240102T030405Z-80000000";
  expect(await response.json()).toEqual({ status: "success", data: { name } });
  expect(calls).toEqual([`data/snapshots/${name}`]);
});

test("one at a time", async () => {
  let open = (): void => {};
  gate = new Promise((resolve) => (open = resolve));
  const compaction = admin.compact();
  await expect(admin.flush()).rejects.toMatchObject({
    kind: "unavailable",
    message: "a compaction is running already",
  });
  open();
  expect((await compaction).status).toBe(204);
  expect((await admin.flush()).status).toBe(204);
  expect(calls).toEqual(["compact", "remove obsolete", "flush"]);
});

test("a full disk is no fault of ours: unavailable until there is room", () => {
  const failure = (code: string) => {
    const cause = Object.assign(new Error(`${code}: write`), { code });
    return describeError(new EngineError("io", 'Cannot write "d/1.seg"', { cause }));
  };
  expect(failure("ENOSPC")).toEqual({ type: "unavailable", message: 'Cannot write "d/1.seg"' });
  expect(failure("EIO")).toEqual({ type: "internal", message: 'Cannot write "d/1.seg"' });
});
