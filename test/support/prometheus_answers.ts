/** The API's answers as tests read them. */

export interface AnswerSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: [timeSeconds: number, value: string];
  readonly values: [timeSeconds: number, value: string][];
  readonly histogram: [timeSeconds: number, histogram: unknown];
}

/** Data of a vector or matrix. */
export interface AnswerData {
  readonly resultType: string;
  readonly result: readonly AnswerSeries[];
}

export interface Answer<Data = AnswerData> {
  readonly status: string;
  readonly data: Data;
  readonly error?: string;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}
