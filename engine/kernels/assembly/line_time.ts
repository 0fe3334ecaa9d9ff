/** Timestamps of lines: from the unit they are written in to database time. */

/** Bound of timestamps in nanoseconds, to either side: InfluxDB's. */
const LIMIT_NS: i64 = 9223372036854775806;

/** Bound of timestamps as written, to either side. */
export let timeLimit: i64 = LIMIT_NS;
let timeMultiply: i64 = 1;
let timeDivide: i64 = 1;
/** Time of lines without a timestamp. */
export let timeDefault: i64 = 0;
/** The beginning of 1971. */
let timeAncient: i64 = 31536000000000000;
/** Whether each timestamp tells its unit. */
export let timeGuessed: bool = false;
let tickNs: i64 = 1;

/** Rows so far with a timestamp given that lies before 1971. */
export let ancientRows: u32 = 0;

/**
 * Sets the unit of timestamps as written and of the database, in nanoseconds; a `writtenNs` of 0 guesses it for each
 * line from the timestamp's magnitude. `defaultTime`, in the database's unit, is that of lines without a timestamp.
 */
export function lineScale(writtenNs: i64, databaseNs: i64, defaultTime: i64): void {
  tickNs = databaseNs;
  timeDefault = defaultTime;
  timeAncient = 31536000000000000 / databaseNs;
  timeGuessed = writtenNs == 0;
  setWrittenUnit(timeGuessed ? 1 : writtenNs);
}

function setWrittenUnit(writtenNs: i64): void {
  timeLimit = LIMIT_NS / writtenNs;
  timeMultiply = writtenNs >= tickNs ? writtenNs / tickNs : 1;
  timeDivide = writtenNs >= tickNs ? 1 : tickNs / writtenNs;
}

/** Sets the unit by the magnitude of a timestamp. */
export function guessUnit(written: i64): void {
  const size = written < 0 ? 0 - <u64> written : <u64> written;
  setWrittenUnit(
    size < 5000000000
      ? 1000000000
      : size < 5000000000000
      ? 1000000
      : size < 5000000000000000
      ? 1000
      : 1,
  );
}

/** Database time of a timestamp within the limit. */
export function toDatabaseTime(written: i64): i64 {
  if (timeDivide == 1) return written * timeMultiply;
  const quotient = written / timeDivide;
  return quotient * timeDivide > written ? quotient - 1 : quotient;
}

/** Counts a row with a timestamp given. */
export function noteTime(time: i64): void {
  if (time < timeAncient) ancientRows++;
}
