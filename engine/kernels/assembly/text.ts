/**
 * Text in lines: escapes of names and strings, UTF-8.
 *
 * Invariants
 * - Unescaping never lengthens; in place is fine.
 */

/** Whether a backslash stands among the bytes. */
export function hasBackslash(at: usize, bytes: u32): bool {
  const end = at + bytes;
  for (; at < end; at++) if (load<u8>(at) == 92) return true;
  return false;
}

/**
 * Copies a name or tag value without the backslashes in front of comma, "=" and space (and quote, when `quotes`, as in
 * a field's name); any other backslash stays. Returns the bytes written.
 */
export function unescapeName(to: usize, from: usize, bytes: u32, quotes: bool): u32 {
  const end = from + bytes;
  const start = to;
  while (from < end) {
    const byte = load<u8>(from++);
    if (byte == 92 && from < end) {
      const next = load<u8>(from);
      if (next == 44 || next == 61 || next == 32 || (next == 34 && quotes)) {
        store<u8>(to++, next);
        from++;
        continue;
      }
    }
    store<u8>(to++, byte);
  }
  return <u32> (to - start);
}

/** Drops, in place, the backslashes in front of a quote or a backslash. Returns the bytes left. */
export function unescapeString(at: usize, bytes: u32): u32 {
  const end = at + bytes;
  let from = at;
  let to = at;
  while (from < end) {
    let byte = load<u8>(from++);
    if (byte == 92 && from < end) {
      const next = load<u8>(from);
      if (next == 34 || next == 92) {
        byte = next;
        from++;
      }
    }
    store<u8>(to++, byte);
  }
  return <u32> (to - at);
}

/** The first byte from `at` on that is not ASCII, rounded down to where every byte before is known to be; else `end`. */
export function asciiEnd(at: usize, end: usize): usize {
  while (at + 64 <= end) {
    const a = v128.or(v128.load(at), v128.load(at, 16));
    const b = v128.or(v128.load(at, 32), v128.load(at, 48));
    if (i8x16.bitmask(v128.or(a, b)) != 0) break;
    at += 64;
  }
  while (at < end && load<u8>(at) < 128) at++;
  return at;
}

/** Whether the bytes are well-formed UTF-8: shortest forms, no surrogates, nothing beyond U+10FFFF. */
export function isUtf8(at: usize, end: usize): bool {
  while (true) {
    at = asciiEnd(at, end);
    if (at >= end) return true;
    const byte = <u32> load<u8>(at);
    const second = at + 1 < end ? <u32> load<u8>(at + 1) : 0;
    let more: usize = 1;
    if (byte < 0xc2 || byte > 0xf4) return false;
    if (byte >= 0xe0) {
      more = byte >= 0xf0 ? 3 : 2;
      if (byte == 0xe0 && second < 0xa0) return false;
      if (byte == 0xed && second >= 0xa0) return false;
      if (byte == 0xf0 && second < 0x90) return false;
      if (byte == 0xf4 && second >= 0x90) return false;
    }
    if (at + more >= end) return false;
    for (let i: usize = 1; i <= more; i++) {
      if ((load<u8>(at + i) & 0xc0) != 0x80) return false;
    }
    at += more + 1;
  }
}
