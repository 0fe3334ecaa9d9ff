/**
 * Registry files (registry/NNNNNNNNNN.reg): definitions in blocks that check themselves, closed by an end block.
 *
 *   header   16 bytes  magic "tsinkreg", version u32, crc32 over these twelve bytes
 *   block     4        bytes stored
 *             4        bytes once unpacked, 1 ..= BLOCK_UNPACKED_MAX; both are 0 in the end block
 *             1        kind: 1 definitions, 2 end; 0 is never valid
 *             1        compression: 0 none, 1 zstd
 *             2        zero
 *             4        crc32 over the twelve bytes before and the stored bytes
 *             n        stored bytes: definitions (kernels/assembly/definitions.ts)
 *
 * Little-endian. Blocks are packed; the end block is the last thing in the file, so that a shortened file is noticed.
 *
 * See docs/format/registry.md; bytes pinned by test/golden/registry.hex.
 */
import { crc32, zstdCompress, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { assert } from "../base/assert.ts";
import { EngineError } from "../errors.ts";
import type { FileHandle } from "../fs/file_system.ts";
import { describeDefinitions } from "./describe_definitions.ts";

export const REGISTRY_VERSION = 1;
export const HEADER_BYTES = 16;
export const BLOCK_HEADER_BYTES = 16;
export const BLOCK_UNPACKED_MAX: number = 256 << 20;

/** Written to disk: never reuse a value. */
export const BLOCK_KIND = { definitions: 1, end: 2 } as const;
const COMPRESSION = { none: 0, zstd: 1 } as const;

/** Blocks below this are stored as they are. */
const PACKED_BYTES_MIN = 256;
/** Blocks below this are packed at once: handing them to a thread takes longer. */
const PACKED_BESIDE_BYTES_MIN = 64 << 10;
const MAGIC = "tsinkreg";

export function encodeHeader(): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(8, REGISTRY_VERSION, true);
  view.setUint32(12, crc32(bytes.subarray(0, 12)), true);
  return bytes;
}

/** A block of definitions, packed where that pays. Packing what is large runs beside the event loop. */
export async function encodeBlock(definitions: Uint8Array): Promise<Uint8Array> {
  assert(definitions.length > 0 && definitions.length <= BLOCK_UNPACKED_MAX, "Block too large");
  if (definitions.length >= PACKED_BYTES_MIN) {
    const packed = await pack(definitions);
    if (packed.length < definitions.length) {
      return frame(packed, [definitions.length, BLOCK_KIND.definitions, COMPRESSION.zstd]);
    }
  }
  return frame(definitions, [definitions.length, BLOCK_KIND.definitions, COMPRESSION.none]);
}

export function encodeEnd(): Uint8Array {
  return frame(new Uint8Array(0), [0, BLOCK_KIND.end, COMPRESSION.none]);
}

function pack(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (bytes.length < PACKED_BESIDE_BYTES_MIN) return zstdCompressSync(bytes);
  return new Promise((resolve, reject) =>
    zstdCompress(bytes, (error, packed) => error === null ? resolve(packed) : reject(error))
  );
}

function frame(
  stored: Uint8Array,
  [unpacked, kind, compression]: [number, number, number],
): Uint8Array {
  const bytes = new Uint8Array(BLOCK_HEADER_BYTES + stored.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, stored.length, true);
  view.setUint32(4, unpacked, true);
  view.setUint8(8, kind);
  view.setUint8(9, compression);
  bytes.set(stored, BLOCK_HEADER_BYTES);
  view.setUint32(12, checksum(bytes), true);
  return bytes;
}

/** Checksum of a block: its header up to the checksum, and what is stored. */
function checksum(block: Uint8Array): number {
  return crc32(block.subarray(BLOCK_HEADER_BYTES), crc32(block.subarray(0, 12)));
}

/** One block as it was read. */
export interface RegistryBlock {
  /** Where it begins in the file. */
  readonly offset: number;
  /** Header and stored bytes. */
  readonly bytes: Uint8Array;
  /** Unpacked definitions. */
  readonly definitions: Uint8Array;
}

/** The blocks of a file, checked. Throws "corrupt" with file and offset at damage, "unsupported", "io". */
export function* readBlocks(handle: FileHandle): Generator<RegistryBlock> {
  const read = (offset: number, bytes: number): Uint8Array => {
    const target = new Uint8Array(bytes);
    if (handle.read(target, offset) === bytes) return target;
    throw corrupt(handle.path, offset, "it ends too early");
  };
  checkHeader(read(0, HEADER_BYTES), handle.path);
  const fileBytes = handle.size();
  for (let offset = HEADER_BYTES;;) {
    const stored = new DataView(read(offset, BLOCK_HEADER_BYTES).buffer).getUint32(0, true);
    if (stored > fileBytes - offset - BLOCK_HEADER_BYTES) {
      throw corrupt(handle.path, offset, "a block reaches past its end");
    }
    const bytes = read(offset, BLOCK_HEADER_BYTES + stored);
    const definitions = openBlock(bytes, handle.path, offset);
    if (definitions === undefined) {
      if (offset + bytes.length === fileBytes) return;
      throw corrupt(handle.path, offset, "it goes on after its end");
    }
    yield { offset, bytes, definitions };
    offset += bytes.length;
  }
}

function checkHeader(header: Uint8Array, path: string): void {
  const view = new DataView(header.buffer);
  const isOurs = new TextDecoder().decode(header.subarray(0, 8)) === MAGIC;
  if (!isOurs || view.getUint32(12, true) !== crc32(header.subarray(0, 12))) {
    throw corrupt(path, 0, "it does not begin like a registry file");
  }
  const version = view.getUint32(8, true);
  if (version !== REGISTRY_VERSION) {
    throw new EngineError(
      "unsupported",
      `Cannot read registry file "${path}": its version is ${version}, this program knows ${REGISTRY_VERSION}; update it`,
    );
  }
}

/** Checks a block and unpacks it; undefined for the end block. */
function openBlock(block: Uint8Array, path: string, offset: number): Uint8Array | undefined {
  const view = new DataView(block.buffer);
  if (checksum(block) !== view.getUint32(12, true)) {
    throw corrupt(path, offset, "the checksum of a block is wrong");
  }
  const stored = block.subarray(BLOCK_HEADER_BYTES);
  const unpacked = view.getUint32(4, true);
  const kind = view.getUint8(8);
  const compression = view.getUint8(9);
  if (kind === BLOCK_KIND.end && stored.length === 0) return undefined;
  const isKnown = kind === BLOCK_KIND.definitions && unpacked > 0 && unpacked <= BLOCK_UNPACKED_MAX;
  if (isKnown && compression === COMPRESSION.none && stored.length === unpacked) return stored;
  if (isKnown && compression === COMPRESSION.zstd) {
    try {
      const definitions = zstdDecompressSync(stored, { maxOutputLength: unpacked });
      if (definitions.length === unpacked) return definitions;
    } catch {
      // Told below: the bytes are what was written, but no frame that gives what they promise.
    }
  }
  throw corrupt(path, offset, "a block cannot be unpacked");
}

function corrupt(path: string, offset: number, what: string): EngineError {
  return new EngineError(
    "corrupt",
    `Cannot read registry file "${path}" at offset ${offset}: ${what}`,
  );
}

/** One line a field: offset, name, value. Damage is a line, too; what follows it is not read. */
export function describeRegistryFile(handle: FileHandle): string {
  const lines: string[] = [];
  const line = (offset: number, text: string) =>
    lines.push(`${String(offset).padStart(8)}  ${text}`);
  try {
    line(0, `registry file, version ${REGISTRY_VERSION}`);
    for (const { offset, bytes, definitions } of readBlocks(handle)) {
      const isPacked = bytes.length !== BLOCK_HEADER_BYTES + definitions.length;
      line(offset, `definitions, ${definitions.length} bytes${isPacked ? ", packed" : ""}`);
      for (const { at, text } of describeDefinitions(definitions)) {
        line(isPacked ? offset : offset + BLOCK_HEADER_BYTES + at, `  ${text}`);
      }
    }
    line(handle.size() - BLOCK_HEADER_BYTES, "end");
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === "io") throw error;
    lines.push(`          ${error.message}`);
  }
  return lines.join("\n") + "\n";
}
