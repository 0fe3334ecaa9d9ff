/** What lies in a file of a database, field by field, for people. Only reads, and takes no lock: a file may be a copy. */
import { EngineError } from "./errors.ts";
import type { FileSystem } from "./fs/file_system.ts";
import { fileNameOf } from "./fs/paths.ts";
import { describeManifest } from "./manifest/describe.ts";
import { MANIFEST_NAME } from "./manifest/manifest.ts";
import { describeSegment } from "./segment/describe.ts";
import { describeRegistryFile } from "./series/registry_format.ts";
import { describeLogFile } from "./wal/describe.ts";

/** Bytes of a file that is read at once. */
const FILE_BYTES_MAX = 512 << 20;

export interface InspectOptions {
  /** Also every field of a segment's chunks, of the first ones in each index block. */
  readonly chunks?: boolean;
}

/** Describes MANIFEST, or a segment, log or registry file by its name. Throws "invalid" for others, "limit", "io". */
export function inspectFile(
  fileSystem: FileSystem,
  path: string,
  options: InspectOptions = {},
): string {
  const name = fileNameOf(path);
  const handle = fileSystem.open(path, "read");
  try {
    if (name.endsWith(".reg")) return describeRegistryFile(handle);
    const bytes = new Uint8Array(checkBytes(path, handle.size()));
    handle.read(bytes, 0);
    if (name === MANIFEST_NAME) return describeManifest(bytes);
    if (name.endsWith(".seg")) return describeSegment(bytes, options);
    if (name.endsWith(".log")) return describeLogFile(bytes);
  } finally {
    handle.close();
  }
  throw new EngineError(
    "invalid",
    `Cannot inspect "${path}": it is neither ${MANIFEST_NAME} nor ends in .seg, .log or .reg`,
  );
}

function checkBytes(path: string, bytes: number): number {
  if (bytes <= FILE_BYTES_MAX) return bytes;
  throw new EngineError(
    "limit",
    `Cannot inspect "${path}": it has ${bytes} bytes, more than ${FILE_BYTES_MAX}`,
  );
}
