/** Walking the tags of a source's canonical key (series_table.ts). A tag is u16 name bytes, name, u16 value bytes, value. */
import { equalBytes } from "./bytes";
import { SOURCE_KEY, SOURCE_KEY_BYTES } from "./series_table";

/** Where the tags of a source's key begin. */
export function tagsOf(source: usize): usize {
  const key = <usize> load<u32>(source, SOURCE_KEY);
  return key + 2 + load<u16>(key);
}

/** Where they end. */
export function tagsEnd(source: usize): usize {
  return <usize> load<u32>(source, SOURCE_KEY) + load<u32>(source, SOURCE_KEY_BYTES);
}

/** Where the tag behind the one at `tag` begins. */
export function nextTag(tag: usize): usize {
  const value = tag + 2 + load<u16>(tag);
  return value + 2 + load<u16>(value);
}

/** Where the value of a tag stands: u16 bytes, then the bytes. */
export function valueOf(tag: usize): usize {
  return tag + 2 + load<u16>(tag);
}

/** Where a source has the value of the tag whose name is given. 0 when it has no such tag. */
export function tagValue(source: usize, name: usize, nameBytes: u32): usize {
  const end = tagsEnd(source);
  for (let tag = tagsOf(source); tag < end; tag = nextTag(tag)) {
    if (<u32> load<u16>(tag) == nameBytes && equalBytes(tag + 2, name, nameBytes)) {
      return valueOf(tag);
    }
  }
  return 0;
}
