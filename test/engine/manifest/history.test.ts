/** A rewritten manifest keeps the edits of the last while. */
import { expect, test } from "bun:test";
import { type ManifestContent, parseManifest } from "../../../engine/manifest/content.ts";
import { Manifest } from "../../../engine/manifest/manifest.ts";
import { IDENTITY } from "../../support/manifest_samples.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { SimulatedDisk } from "../../support/simulated_disk.ts";

const LONG = Array.from({ length: 20 }, (_, i) => `${String(i).padStart(300, "0")}.reg`);
const KEEP_MS = 10_000;

function read(disk: SimulatedDisk): ManifestContent {
  const handle = disk.memory.open("/db/MANIFEST", "read");
  const bytes = new Uint8Array(handle.size());
  handle.read(bytes, 0);
  handle.close();
  return parseManifest(bytes, "/db/MANIFEST");
}

test("a rewritten manifest begins with the version of a while ago and goes on with the edits since", async () => {
  const disk = new SimulatedDisk();
  disk.makeDirectory("/db");
  const clock = new ManualClock();
  const history = { keepMs: KEEP_MS, monotonicMs: () => clock.monotonicMs() };
  const options = { fileSystem: disk, directory: "/db", identity: IDENTITY, history };
  let manifest = Manifest.open(options);
  for (let i = 1; i <= 200; i++) {
    clock.advance(1_000);
    await manifest.commit({ registryFiles: LONG, maxTime: BigInt(i) });
    const { whole, edits, version } = read(disk);
    expect(version.maxTime).toBe(BigInt(i));
    expect(edits.at(-1)?.edit.maxTime).toBe(BigInt(i));
    // Every version of the time that edits are kept for is there.
    expect(Number(whole.version.maxTime ?? 0n)).toBeLessThanOrEqual(
      Math.max(0, i - KEEP_MS / 1_000),
    );
    expect(edits.length).toBeLessThan(70);
    if (i % 37 === 0) {
      manifest.close();
      manifest = Manifest.open(options);
    }
  }
  manifest.close();
});
