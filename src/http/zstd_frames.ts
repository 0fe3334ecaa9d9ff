/**
 * Whether bytes are whole zstd frames (RFC 8878). The runtime's decoder ends without an error where its input ends early, and
 * gives what it has by then: without this, half a body would be stored and acknowledged as all of it.
 *
 * Looks at headers only, in pieces as they come: of each frame its header, then of each block three bytes; what lies between
 * is passed over. What the frames hold is the decoder's affair.
 */

const MAGIC = 0xfd2fb528;
/** Skippable frames: 16 magic numbers from this one on, then their length. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const MAGIC_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
/** Bytes of a frame's content size by its two bits; the first is 1 in a frame of a single segment. */
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;

type Place = "magic" | "descriptor" | "skippable length" | "block";

export class ZstdFrames {
  #place: Place = "magic";
  /** Bytes of what is read at `#place`, as far as they have come. */
  readonly #field = new Uint8Array(MAGIC_BYTES);
  #fieldBytes = 0;
  /** Bytes to pass over before that. */
  #skip = 0;
  #hasChecksum = false;
  #isBroken = false;

  /** The next bytes. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.#isBroken;) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, bytes.length - at);
        this.#skip -= passed;
        at += passed;
        continue;
      }
      this.#field[this.#fieldBytes++] = bytes[at++]!;
      if (this.#fieldBytes < bytesOf(this.#place)) continue;
      this.#fieldBytes = 0;
      this.#read();
    }
  }

  /** Whether what came so far ends with a frame. */
  get isWhole(): boolean {
    return !this.#isBroken && this.#place === "magic" && this.#fieldBytes === 0 && this.#skip === 0;
  }

  #read(): void {
    const [a = 0, b = 0, c = 0, d = 0] = this.#field;
    const word = (a | b << 8 | c << 16 | d << 24) >>> 0;
    switch (this.#place) {
      case "magic":
        if (word === MAGIC) this.#place = "descriptor";
        else if ((word & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) this.#place = "skippable length";
        else this.#isBroken = true;
        return;
      case "skippable length":
        this.#skip = word;
        this.#place = "magic";
        return;
      case "descriptor":
        return this.#readDescriptor(a);
      case "block":
        return this.#readBlock(a | b << 8 | c << 16);
    }
  }

  #readDescriptor(flags: number): void {
    const isSingle = (flags & 0x20) !== 0;
    const sizeFlag = flags >> 6;
    const sizeBytes = sizeFlag === 0 && isSingle ? 1 : CONTENT_SIZE_BYTES[sizeFlag]!;
    const windowBytes = isSingle ? 0 : 1;
    this.#hasChecksum = (flags & 0x04) !== 0;
    this.#isBroken = (flags & 0x08) !== 0;
    this.#skip = windowBytes + DICTIONARY_BYTES[flags & 3]! + sizeBytes;
    this.#place = "block";
  }

  #readBlock(header: number): void {
    const kind = (header >> 1) & 3;
    // One byte, repeated; kind 3 is none.
    this.#skip = kind === 1 ? 1 : header >> 3;
    this.#isBroken = kind === 3;
    if ((header & 1) === 0) return;
    if (this.#hasChecksum) this.#skip += CHECKSUM_BYTES;
    this.#place = "magic";
  }
}

function bytesOf(place: Place): number {
  return place === "descriptor" ? 1 : place === "block" ? BLOCK_HEADER_BYTES : MAGIC_BYTES;
}

/** Throws where bytes do not end with a whole frame. */
export function checkZstdFrames(bytes: Uint8Array): void {
  const frames = new ZstdFrames();
  frames.push(bytes);
  if (!frames.isWhole) throw endsEarly();
}

export function endsEarly(): Error {
  return new Error("it does not end with a whole frame");
}
