/**
 * String literals: what stands between quotes to the string it means, and back.
 *
 * Escapes `\NNN` and `\xNN` give bytes. Bytes that are not valid UTF-8 have no place in a JavaScript string; each
 * becomes the lone surrogate U+DC00 + byte. Such a string is not well-formed (`isWellFormed()` is false), which is how
 * the evaluator recognises invalid label names and values; it equals no stored string.
 */

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};

/** An escape that means nothing. */
export class StringError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "StringError";
  }
}

/** Decodes what stands between the quotes at `start - 1` and `end`. Throws a StringError. */
export function unquote(
  text: string,
  span: { readonly start: number; readonly end: number },
): string {
  const { start, end } = span;
  const quote = text[start - 1]!;
  const first = text.indexOf("\\", start);
  if (quote === "`" || first === -1 || first >= end) return text.slice(start, end);
  let decoded = "";
  /** Bytes from escapes that wait for their neighbours, since several may form one character. */
  let bytes: number[] = [];
  let copied = start;
  let at = first;
  while (at !== -1 && at < end) {
    if (at > copied) {
      decoded += takeBytes(bytes) + text.slice(copied, at);
      bytes = [];
    }
    const escape = readEscape(text, at, quote);
    if (escape.byte !== undefined) {
      bytes.push(escape.byte);
    } else {
      decoded += takeBytes(bytes) + escape.text;
      bytes = [];
    }
    copied = escape.end;
    at = text.indexOf("\\", copied);
  }
  return decoded + takeBytes(bytes) + text.slice(copied, end);
}

const NO_CODE_POINT = "escape sequence is an invalid Unicode code point";

interface Escape {
  readonly text: string;
  readonly byte: number | undefined;
  readonly end: number;
}

function readEscape(text: string, at: number, quote: string): Escape {
  const letter = text[at + 1]!;
  const simple = letter === quote ? quote : SIMPLE_ESCAPES[letter];
  if (simple !== undefined) return { text: simple, byte: undefined, end: at + 2 };
  switch (letter) {
    case "x":
      return { text: "", byte: readDigits(text, at, { from: 2, count: 2, base: 16 }), end: at + 4 };
    case "u":
      return readCodePoint(text, at, 4);
    case "U":
      return readCodePoint(text, at, 8);
  }
  if (letter >= "0" && letter <= "7") {
    const byte = readDigits(text, at, { from: 1, count: 3, base: 8 });
    if (byte > 255) throw new StringError(NO_CODE_POINT);
    return { text: "", byte, end: at + 4 };
  }
  throw new StringError(`unknown escape sequence ${codePointText(text, at + 1)}`);
}

function readCodePoint(text: string, at: number, count: number): Escape {
  const point = readDigits(text, at, { from: 2, count, base: 16 });
  if (point > 0x10_ffff || (point >= 0xd800 && point <= 0xdfff)) {
    throw new StringError(NO_CODE_POINT);
  }
  return { text: String.fromCodePoint(point), byte: undefined, end: at + 2 + count };
}

function readDigits(
  text: string,
  at: number,
  digits: { readonly from: number; readonly count: number; readonly base: 8 | 16 },
): number {
  const begin = at + digits.from;
  const valid = digits.base === 8 ? /[0-7]/ : /[0-9a-fA-F]/;
  for (let index = begin; index < begin + digits.count; index++) {
    if (valid.test(text[index] ?? "")) continue;
    throw new StringError(`illegal character ${codePointText(text, index)} in escape sequence`);
  }
  return Number.parseInt(text.slice(begin, begin + digits.count), digits.base);
}

/** `U+0071 'q'`. */
function codePointText(text: string, at: number): string {
  const point = text.codePointAt(at) ?? 0xfffd;
  return `U+${point.toString(16).toUpperCase().padStart(4, "0")} '${String.fromCodePoint(point)}'`;
}

/** Bytes as UTF-8; bytes that belong to no character become lone surrogates. */
function takeBytes(bytes: readonly number[]): string {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const length = characterLength(bytes, at);
    if (length === 0) {
      text += String.fromCharCode(0xdc00 + bytes[at]!);
      at++;
    } else {
      text += utf8.decode(Uint8Array.from(bytes.slice(at, at + length)));
      at += length;
    }
  }
  return text;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes of the UTF-8 character at `at`, 0 when there is none. */
function characterLength(bytes: readonly number[], at: number): number {
  const lead = bytes[at]!;
  const length = lead < 0x80
    ? 1
    : lead < 0xc2
    ? 0
    : lead < 0xe0
    ? 2
    : lead < 0xf0
    ? 3
    : lead < 0xf5
    ? 4
    : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  const second = bytes[at + 1] ?? 0x80;
  const secondMin = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const secondMax = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (length > 1 && (second < secondMin || second > secondMax)) return 0;
  for (let index = at + 2; index < at + length; index++) {
    if ((bytes[index]! & 0xc0) !== 0x80) return 0;
  }
  return length;
}

const CONTROL_NAMES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/** The literal in double quotes; `unquote` gives the string back. */
export function quote(text: string): string {
  // deno-lint-ignore no-control-regex
  if (!/["\\\x00-\x1f\x7f\ud800-\udfff]/.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const named = CONTROL_NAMES[character];
    if (named !== undefined) quoted += named;
    else if (point < 0x20 || point === 0x7f) quoted += `\\x${point.toString(16).padStart(2, "0")}`;
    else if (point >= 0xdc80 && point <= 0xdcff) quoted += `\\x${(point - 0xdc00).toString(16)}`;
    else if (point >= 0xd800 && point <= 0xdfff) quoted += "\ufffd";
    else quoted += character;
  }
  return quoted + '"';
}

const IDENTIFIER = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Whether a label name may stand without quotes. */
export function isIdentifier(name: string): boolean {
  return IDENTIFIER.test(name);
}
