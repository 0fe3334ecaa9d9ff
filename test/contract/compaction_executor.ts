/** What every way to carry out merges must do, on the event loop or in a worker. Call it with a way to make one. */
import { describe, expect, test } from "bun:test";
import type { JobExecutor } from "../../engine/compaction/compaction_runner.ts";
import { type Clock, SystemClock } from "../../engine/components.ts";
import { isEngineError } from "../../engine/errors.ts";
import type { FileSystem } from "../../engine/fs/file_system.ts";
import { NodeFileSystem } from "../../engine/fs/node_file_system.ts";
import { CompactionBench } from "../support/compaction_bench.ts";
import { pathOf, readSegment } from "../support/segments.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

export type MakeExecutor = (fileSystem: FileSystem, clock: Clock) => JobExecutor | undefined;

class Place implements Disposable {
  readonly fileSystem: NodeFileSystem = new NodeFileSystem();
  readonly #temporary = new TemporaryDirectory();
  readonly #made: JobExecutor[] = [];

  async bench(make: MakeExecutor, segments: number): Promise<CompactionBench> {
    const clock = new SystemClock();
    const executor = make(this.fileSystem, clock);
    if (executor !== undefined) this.#made.push(executor);
    const path = `${this.#temporary.path}/db${this.#made.length}`;
    const bench = new CompactionBench(this.fileSystem, path, {
      clock,
      ...(executor === undefined ? {} : { executor }),
    });
    await bench.flush(segments);
    return bench;
  }

  /** Bytes of the only segment. */
  output({ paths, versions }: CompactionBench): Uint8Array {
    const [segment, ...others] = versions.current.segments;
    expect(others).toEqual([]);
    const handle = this.fileSystem.open(pathOf(paths, segment!.id), "read");
    const bytes = new Uint8Array(handle.size());
    handle.read(bytes, 0);
    handle.close();
    return bytes;
  }

  [Symbol.dispose](): void {
    for (const executor of this.#made) executor[Symbol.dispose]();
    this.#temporary[Symbol.dispose]();
  }
}

export function compactionExecutorContract(name: string, make: MakeExecutor): void {
  describe(`merges ${name}`, () => {
    test("lose no row, define their sources, and remove the inputs", async () => {
      using place = new Place();
      const bench = await place.bench(make, 5);
      const before = bench.points();
      await bench.runAll();
      expect(bench.points()).toEqual(before);
      const { segments } = bench.versions.current;
      expect(readSegment(place.fileSystem, bench.paths, segments[0]!).ids).toEqual([1, 2, 3, 4, 5]);
      expect(bench.files.length).toBe(1);
      expect(place.fileSystem.list(bench.paths.staging)).toEqual([]);
    });

    test("write the bytes that the event loop writes", async () => {
      using place = new Place();
      using other = new Place();
      const bench = await place.bench(make, 6);
      const plain = await other.bench(() => undefined, 6);
      for (const each of [bench, plain]) await each.runAll();
      expect(place.output(bench)).toEqual(other.output(plain));
      const { segments } = bench.versions.current;
      expect(segments).toEqual(plain.versions.current.segments);
    });

    test("set a damaged input aside and merge the others", async () => {
      using place = new Place();
      const bench = await place.bench(make, 5);
      const damaged = bench.versions.current.segments[2]!;
      const handle = place.fileSystem.open(pathOf(bench.paths, damaged.id), "write");
      handle.write(Uint8Array.of(1, 2, 3), 100);
      handle.close();
      await bench.runAll();
      expect(bench.versions.current.quarantined).toEqual([damaged.id]);
      expect(bench.runner.stats().damaged).toBe(1);
      expect(bench.files).toContain(pathOf(bench.paths, damaged.id).split("/").at(-1)!);
    });

    test("end with closed when they are stopped, and leave all as it was", async () => {
      using place = new Place();
      const bench = await place.bench(make, 5);
      const running = bench.compaction.run(new AbortController().signal).catch((reason) => reason);
      await bench.runner.stop();
      expect(isEngineError(await running, "closed")).toBe(true);
      expect(bench.files.length).toBe(5);
      expect(place.fileSystem.list(bench.paths.staging)).toEqual([]);
    });
  });
}
