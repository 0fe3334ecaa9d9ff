import { expect, test } from "bun:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, MalformedError } from "../../../engine/base/bytes.ts";

test("fields come back as they were put", () => {
  const field = fc.oneof(
    fc.record({ kind: fc.constant("varint" as const), value: fc.maxSafeNat() }),
    fc.record({
      kind: fc.constant("i64" as const),
      value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
    }),
    fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "binary" }) }),
    fc.record({ kind: fc.constant("u32" as const), value: fc.nat(2 ** 32 - 1) }),
    fc.record({ kind: fc.constant("u8" as const), value: fc.nat(255) }),
  );
  fc.assert(fc.property(fc.array(field), (fields) => {
    const writer = new ByteWriter(1);
    for (const each of fields) {
      if (each.kind === "i64") writer.i64(each.value);
      else if (each.kind === "text") writer.text(each.value);
      else writer[each.kind](each.value);
    }
    const reader = new ByteReader(writer.bytes());
    for (const each of fields) expect(reader[each.kind]()).toBe(each.value);
    expect(reader.left).toBe(0);
  }));
});

test("random bytes throw nothing but MalformedError", () => {
  const reads = ["varint", "i64", "text", "u32", "u8", "block"] as const;
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(fc.constantFrom(...reads)),
      (bytes, kinds) => {
        const reader = new ByteReader(bytes);
        try {
          for (const kind of kinds) reader[kind]();
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      },
    ),
  );
});
