import { expect, test } from "bun:test";
import { makeDurableDirectory } from "../../../engine/fs/durable_directory.ts";
import { SimulatedDisk } from "../../support/simulated_disk.ts";

test("a directory and its missing parents outlast a power cut", () => {
  const disk = new SimulatedDisk();
  makeDurableDirectory(disk, "/a/b/c");
  disk.crash("lost");
  expect(disk.exists("/a/b/c")).toBe(true);
});

test("a directory that is there already is synced, too", () => {
  const disk = new SimulatedDisk();
  disk.makeDirectory("/a");
  makeDurableDirectory(disk, "/a");
  disk.crash("lost");
  expect(disk.exists("/a")).toBe(true);
});

test("a parent that cannot be synced hinders only what is made in it", () => {
  const disk = new SimulatedDisk();
  disk.makeDirectory("/a");
  const closed: SimulatedDisk = Object.create(disk, {
    exists: { value: (path: string) => disk.exists(path) },
    makeDirectory: { value: (path: string) => disk.makeDirectory(path) },
    syncDirectory: { value: () => disk.syncDirectory("/nowhere") },
  });
  expect(() => makeDurableDirectory(closed, "/a")).not.toThrow();
  expect(() => makeDurableDirectory(closed, "/a/b")).toThrow("/nowhere");
});
