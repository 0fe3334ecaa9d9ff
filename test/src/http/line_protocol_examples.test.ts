/**
 * The recorded behaviour of InfluxDB (../shared/influx-examples, beside the repository), asked of our endpoints with the
 * engine's own scanner behind them. Skipped where that folder is absent.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LineFixture } from "../../support/scan_lines.ts";
import { startTestServer, type TestServer } from "../../support/http_server.ts";

interface Example {
  readonly id: string;
  readonly input?: string;
  readonly inputB64?: string;
  readonly precision: string;
  readonly lenient?: boolean;
  readonly expect:
    & { readonly points?: readonly unknown[]; readonly partial?: boolean }
    & ({ readonly ok: true } | { readonly ok: false; readonly reason?: readonly string[] });
}

const PATH = join(import.meta.dir, "../../../../shared/influx-examples/line-protocol.json");
const found = existsSync(PATH);
if (!found) console.log("skipped: ../shared/influx-examples is not beside the repository");
const EXAMPLES: readonly Example[] = found ? JSON.parse(readFileSync(PATH, "utf8")) : [];

let server: TestServer | undefined;
afterAll(() => server?.[Symbol.dispose]());

/** One server for all examples; each writes into a database of its own, so that field types do not meet. */
function shared(): TestServer {
  if (server === undefined) {
    const { kernels, scanner } = new LineFixture();
    server = startTestServer({ scanner: { kernels, parser: scanner } });
  }
  return server;
}

async function post(url: string, { input, inputB64 }: Example) {
  const body = inputB64 === undefined ? input! : Uint8Array.from(Buffer.from(inputB64, "base64"));
  const response = await fetch(url, { method: "POST", body });
  return { status: response.status, text: await response.text() };
}

describe.skipIf(!found)("examples", () => {
  test.each(EXAMPLES.filter(({ lenient }) => lenient !== true))("v1: $id", async (example) => {
    const { url, engine } = shared();
    const before = engine.rows;
    const path = `/write?db=${example.id}&precision=${example.precision}`;
    const { status, text } = await post(`${url}${path}`, example);
    const { ok, points, partial } = example.expect;
    expect({ status, text }).toEqual(
      ok ? { status: 204, text: "" } : { status: 400, text: expect.stringContaining("error") },
    );
    expect(text).toMatch(
      ok ? /^$/ : partial === true ? /partial write: / : /unable to parse|partial write/,
    );
    const stored = ok || partial === true ? points?.length ?? 0 : 0;
    expect(engine.rows - before).toBe(stored);
  });

  const onV2 = EXAMPLES.filter((example) =>
    example.lenient !== true && ["ns", "us", "ms", "s"].includes(example.precision)
  );
  test.each(onV2)("v2: $id", async (example) => {
    const { url, engine } = shared();
    const before = engine.rows;
    const path = `/api/v2/write?bucket=v2-${example.id}&precision=${example.precision}`;
    const { status, text } = await post(`${url}${path}`, example);
    if (example.expect.ok) return expect({ status, text }).toEqual({ status: 204, text: "" });
    expect([400, 422]).toContain(status);
    if (status === 400) expect(engine.rows).toBe(before);
  });
});
