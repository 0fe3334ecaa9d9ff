/** What a registry holds, as sorted lines of text: two registries that know the same give the same lines. */
import type { SourceId } from "../../engine/base/types.ts";
import type { Registry } from "../../engine/series/registry.ts";

/** Sources with tags and seen slots, then fields with the bytes of database, measurement and name, slot and family. */
export function registryContents(registry: Registry): string[] {
  const { kernels } = registry;
  const { exports } = kernels;
  const lines: string[] = [];
  for (let id = 1; id <= exports.sourceCount(); id++) {
    const source = exports.sourceById(id) >>> 0;
    if (source === 0) continue;
    kernels.refresh();
    const measurement = kernels.u32[(source + 4) >> 2]!;
    const seen = Array.from({ length: kernels.u32[(measurement + 4) >> 2]! }, (_, slot) => slot)
      .filter((slot) => exports.isSeen(source, slot) !== 0);
    lines.push(JSON.stringify([id, registry.tagsOf(id as SourceId), seen]));
  }
  for (let definition = 0; definition < exports.fieldDefinitionCount(); definition++) {
    const measurement = exports.fieldDefinitionMeasurement(definition) >>> 0;
    const slot = exports.fieldDefinitionSlot(definition);
    kernels.refresh();
    const { u32, u8 } = kernels;
    const record = u32[(measurement + 8) >> 2]! + slot * 16;
    const bytes = (at: number, count: number) => [...u8.slice(at, at + count)];
    lines.push(JSON.stringify([
      bytes(u32[(measurement + 24) >> 2]!, u32[(measurement + 28) >> 2]!),
      bytes(u32[(measurement + 16) >> 2]!, u32[(measurement + 20) >> 2]!),
      slot,
      u8[record + 6],
      bytes(u32[record >> 2]!, u8[record + 4]! | u8[record + 5]! << 8),
    ]));
  }
  return lines.sort();
}
