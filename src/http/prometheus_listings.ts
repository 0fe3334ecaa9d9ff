/** `series`, `labels`, `label/NAME/values`: which series and labels exist. */
import { PromqlError } from "../promql/errors.ts";
import type { PrometheusAnswers } from "./prometheus_answers.ts";
import type { CatalogSelection, SeriesCatalog } from "./prometheus_catalog.ts";
import { PIECE_BYTES } from "./byte_writer.ts";
import type { QueryParameters } from "./query_parameters.ts";
import {
  boundsParameters,
  limitParameter,
  matchParameters,
  readParameters,
} from "./prometheus_parameters.ts";

/** Names or values of a batch. */
const QUOTED_PER_BATCH = 1_024;
const TRUNCATED = "results truncated due to limit";

export interface PrometheusListingParts {
  readonly catalog: SeriesCatalog;
  readonly answers: PrometheusAnswers;
}

export class PrometheusListings {
  readonly #parts: PrometheusListingParts;

  constructor(parts: PrometheusListingParts) {
    this.#parts = parts;
  }

  async series(request: Request): Promise<Response> {
    const parameters = await readParameters(request);
    const selection = selectionOf(parameters);
    if (selection.selectors.length === 0) {
      throw new PromqlError("bad_data", "no match[] parameter provided");
    }
    const limit = limitParameter(parameters) ?? Infinity;
    const series = this.#parts.catalog.seriesJson(selection);
    return await this.#parts.answers.pieces(request, listPieces(series, limit));
  }

  async labels(request: Request): Promise<Response> {
    const parameters = await readParameters(request);
    const names = await this.#parts.catalog.labelNames(selectionOf(parameters));
    return await this.#list(request, names, limitParameter(parameters));
  }

  /** `escapedName` as it stands in the path, after percent-decoding. */
  async labelValues(request: Request, escapedName: string): Promise<Response> {
    const parameters = await readParameters(request);
    const name = unescapeLabelName(escapedName);
    if (name === "" || !name.isWellFormed()) {
      throw new PromqlError("bad_data", `invalid label name: ${JSON.stringify(escapedName)}`);
    }
    const values = await this.#parts.catalog.labelValues(name, selectionOf(parameters));
    return await this.#list(request, values, limitParameter(parameters));
  }

  #list(
    request: Request,
    texts: readonly string[],
    limit: number | undefined,
  ): Promise<Response> {
    return this.#parts.answers.pieces(request, listPieces(quotedBatches(texts), limit ?? Infinity));
  }
}

function selectionOf(parameters: QueryParameters): CatalogSelection {
  return { selectors: matchParameters(parameters), bounds: boundsParameters(parameters) };
}

/** The texts in quotes. */
function* quotedBatches(texts: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < texts.length; at += QUOTED_PER_BATCH) {
    yield texts.slice(at, at + QUOTED_PER_BATCH).map((text) => JSON.stringify(text));
  }
}

/** A success whose data is a list of JSON texts, cut at the limit with a warning. */
async function* listPieces(
  batches: Iterable<readonly string[]> | AsyncIterable<readonly string[]>,
  limit: number,
): AsyncGenerator<string> {
  let piece = '{"status":"success","data":[';
  let left = limit;
  let isCut = false;
  let comma = "";
  for await (const batch of batches) {
    isCut = batch.length > left;
    const items = isCut ? batch.slice(0, left) : batch;
    // Joined at once: a text that grows item by item is a tree, which takes longer to encode than to make.
    if (items.length > 0) piece += comma + items.join(",");
    if (isCut) break;
    left -= items.length;
    if (items.length > 0) comma = ",";
    if (piece.length < PIECE_BYTES) continue;
    yield piece;
    piece = "";
  }
  yield piece + (isCut ? `],"warnings":["${TRUNCATED}"]}` : "]}");
}

/**
 * A name in the "values" escaping: `U__` in front, `__` for an underscore, `_1F600_` for a code point. Anything else
 * is the name itself.
 */
export function unescapeLabelName(name: string): string {
  if (!name.startsWith("U__")) return name;
  const escaped = name.slice(3);
  const valid = /^(?:[a-zA-Z0-9:]|__|_[0-9a-fA-F]{1,6}_)*$/.test(escaped);
  if (!valid) return name;
  return escaped.replace(/__|_([0-9a-fA-F]{1,6})_/g, (_, digits: string | undefined) => {
    if (digits === undefined) return "_";
    const point = Number.parseInt(digits, 16);
    return point > 0x10_ffff ? "\ufffd" : String.fromCodePoint(point);
  });
}
