/** Golden files: lines of hex, and comments after "#". */

/** The bytes in a golden file's text. */
export function parseHex(text: string): Uint8Array {
  const digits = text.replace(/#.*$/gm, "").replace(/\s+/g, "");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Sixteen bytes a line, each with its offset. */
export function formatHex(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const pairs = [...bytes.subarray(at, at + 16)].map((byte) =>
      byte.toString(16).padStart(2, "0")
    );
    lines.push(`${pairs.join(" ").padEnd(48)} # ${at}`);
  }
  return lines.join("\n") + "\n";
}
