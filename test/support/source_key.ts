/** Canonical source keys as engine/kernels/assembly/series_table.ts lays them out, written plainly. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Key of a measurement and tags in any order. */
export function sourceKey(
  measurement: string,
  tags: Readonly<Record<string, string>> = {},
): Uint8Array {
  const bytes: number[] = [];
  const put = (text: Uint8Array) => bytes.push(text.length & 255, text.length >> 8, ...text);
  put(encoder.encode(measurement));
  const sorted = Object.entries(tags)
    .map(([name, value]) => [encoder.encode(name), encoder.encode(value)] as const)
    .sort(([a], [b]) => compare(a, b));
  for (const [name, value] of sorted) {
    put(name);
    put(value);
  }
  return Uint8Array.from(bytes);
}

/** Measurement and tags of a key. */
export function readSourceKey(
  key: Uint8Array,
): { measurement: string; tags: Record<string, string> } {
  let at = 0;
  const take = () => {
    const bytes = key[at]! | key[at + 1]! << 8;
    at += 2 + bytes;
    return decoder.decode(key.subarray(at - bytes, at));
  };
  const measurement = take();
  const tags: Record<string, string> = Object.create(null);
  while (at < key.length) {
    const name = take();
    tags[name] = take();
  }
  return { measurement, tags };
}

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}
