/** Why a line is refused: the numbers of engine/write/line_errors.ts. Those from 32 on refuse a line that is well-formed. */

export const REASON_NONE: u32 = 0;
export const REASON_MISSING_MEASUREMENT: u32 = 1;
export const REASON_MISSING_TAG_KEY: u32 = 2;
export const REASON_MISSING_TAG_VALUE: u32 = 3;
export const REASON_MISSING_FIELDS: u32 = 4;
export const REASON_MISSING_FIELD_KEY: u32 = 5;
export const REASON_MISSING_FIELD_VALUE: u32 = 6;
export const REASON_INVALID_TAG_FORMAT: u32 = 7;
export const REASON_INVALID_FIELD_FORMAT: u32 = 8;
export const REASON_DUPLICATE_TAGS: u32 = 9;
export const REASON_UNBALANCED_QUOTES: u32 = 10;
export const REASON_INVALID_NUMBER: u32 = 11;
export const REASON_INVALID_FLOAT: u32 = 12;
export const REASON_INVALID_BOOLEAN: u32 = 13;
export const REASON_INTEGER_RANGE: u32 = 14;
export const REASON_UNSIGNED_RANGE: u32 = 15;
export const REASON_BAD_TIMESTAMP: u32 = 16;
export const REASON_TIMESTAMP_SYNTAX: u32 = 17;
export const REASON_TIMESTAMP_RANGE: u32 = 18;
export const REASON_INVALID_POINT: u32 = 19;
export const REASON_TIME_OUTSIDE_RANGE: u32 = 20;
export const REASON_KEY_TOO_LONG: u32 = 21;
export const REASON_INVALID_UTF8: u32 = 22;
export const REASON_RESERVED_TAG: u32 = 23;
/** Something stands behind a closing quote; refuseMalformed tells which reason that is. */
export const REASON_BEHIND_QUOTE: u32 = 31;
export const REASON_TYPE_CONFLICT: u32 = 32;
export const REASON_TIME_TAG: u32 = 33;
export const REASON_TIME_FIELD: u32 = 34;
export const REASON_SERIES_LIMIT: u32 = 35;
export const REASON_FIELD_LIMIT: u32 = 36;
