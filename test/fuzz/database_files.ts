/** A small database with files of every kind, its bytes, and what it holds. */
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import type { FileSystem } from "../../engine/fs/file_system.ts";
import { joinPath } from "../../engine/fs/paths.ts";
import { isEngineError } from "../../engine/errors.ts";
import type { Value } from "../../engine/query/block.ts";
import { type Row, Storage } from "../../engine/storage.ts";

const MINUTE = 60_000_000_000n;
export const ALL: readonly [start: bigint, end: bigint] = [0n, 1_000_000n * MINUTE];

const KINDS: Readonly<Record<string, (index: number) => Value>> = {
  temperature: (index) => ({ kind: "f64", value: 20 + Math.round(Math.sin(index / 9) * 100) / 10 }),
  noise: (index) => ({ kind: "f64", value: Math.sin(index * 12.9898) * 43758.5453 }),
  packets: (index) => ({ kind: "i64", value: BigInt(index) * 977n - 5_000n }),
  serial: (index) => ({ kind: "u64", value: 2n ** 64n - 1n - BigInt(index) }),
  door: (index) => ({ kind: "bool", value: index % 5 === 0 }),
  note: (index) => ({ kind: "string", value: `note ${index % 11} ü` }),
  raw: (index) => ({ kind: "bytes", value: Uint8Array.of(index & 255, 0, 255) }),
};
export const METRICS: readonly string[] = Object.keys(KINDS);

/** Points of one step; none is ever written twice, so that each time has one true value. */
export function rowsOf(from: number, count: number): Row[] {
  return METRICS.flatMap((metric) =>
    Array.from({ length: count }, (_, offset) => {
      const index = from + offset;
      return {
        metric,
        labels: [["host", `h${index % 3}`], ["zone", "a b"]] as const,
        point: { timestamp: timeOf(index), value: KINDS[metric]!(index) },
      };
    })
  );
}

/** Writes what every fixture holds: three segments, registry files, a log with rows that stand nowhere else. */
export async function fill(storage: Storage): Promise<void> {
  for (const from of [0, 100, 200]) {
    await storage.insertRows(rowsOf(from, 100));
    await storage.database.flush();
  }
  await storage.insertRows(rowsOf(300, 40));
  await storage.insertRows(rowsOf(340, 20));
}

/** Host h1 of one metric over some of the time, in segments and log. */
export const DELETED = { metric: "packets", host: "h1", from: 90, to: 310 } as const;

export async function deleteSome(storage: Storage): Promise<void> {
  await storage.deleteSeries({
    metric: DELETED.metric,
    matchers: [{ name: "host", operator: "=", value: DELETED.host }],
    start: timeOf(DELETED.from),
    end: timeOf(DELETED.to),
  });
}

export function timeOf(index: number): bigint {
  return BigInt(index) * 7n * MINUTE + 1n;
}

export const POINTS_PER_METRIC = 360;

/** All files below a directory, by their path within it. */
export function readFiles(
  fileSystem: FileSystem,
  directory: string,
  below = "",
): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const { name, kind } of fileSystem.list(joinPath(directory, below))) {
    const path = joinPath(below, name);
    if (kind === "directory") {
      for (const [inner, bytes] of readFiles(fileSystem, directory, path)) files.set(inner, bytes);
      continue;
    }
    const handle = fileSystem.open(joinPath(directory, path), "read");
    const bytes = new Uint8Array(handle.size());
    handle.read(bytes, 0);
    handle.close();
    files.set(path, bytes);
  }
  return files;
}

/** A disk with these files in /data. */
export function diskOf(files: ReadonlyMap<string, Uint8Array>): MemoryFileSystem {
  const fileSystem = new MemoryFileSystem();
  for (const [path, bytes] of files) {
    const whole = joinPath("/data", path);
    fileSystem.makeDirectory(whole.slice(0, whole.lastIndexOf("/")));
    const handle = fileSystem.open(whole, "create");
    handle.write(bytes, 0);
    handle.close();
  }
  return fileSystem;
}

/** The sample database's files. */
export async function sampleFiles(): Promise<Map<string, Uint8Array>> {
  const fileSystem = new MemoryFileSystem();
  const storage = await Storage.open({ path: "/data", components: { fileSystem } });
  await fill(storage);
  const files = readFiles(fileSystem, "/data");
  await storage.close();
  return files;
}

/** Points by `metric{host} time`; "refused" for a metric whose reading was refused as damaged. */
export function readPoints(storage: Storage): { points: Map<string, string>; refused: string[] } {
  const points = new Map<string, string>();
  const refused: string[] = [];
  for (const metric of METRICS) {
    try {
      for (const { series, points: found } of storage.selectAll(metric, ...ALL)) {
        for (const { timestamp, value } of found) {
          points.set(`${metric}${JSON.stringify(series.labels)} ${timestamp}`, valueText(value));
        }
      }
    } catch (error) {
      if (!isEngineError(error, "corrupt") && !isEngineError(error, "io")) throw error;
      refused.push(metric);
    }
  }
  return { points, refused };
}

export function valueText(value: Value): string {
  switch (value.kind) {
    case "f64":
      return `f64 ${value.value}`;
    case "bytes":
      return `bytes ${value.value.join()}`;
    default:
      return `${value.kind} ${String((value as { value: unknown }).value)}`;
  }
}

/** What the sample database holds. */
export function expectedPoints(): Map<string, string> {
  return new Map(
    rowsOf(0, POINTS_PER_METRIC).map(({ metric, labels, point }) => [
      `${metric}${JSON.stringify(labels)} ${point.timestamp}`,
      valueText(point.value),
    ]),
  );
}
