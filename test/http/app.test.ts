import { expect, test } from "bun:test";
import { Hono } from "hono";
import { App } from "../../src/http/app.ts";
import { Replies } from "../../src/http/replies.ts";
import type { WriteRoutes } from "../../src/http/write_routes.ts";
import { Metrics } from "../../src/metrics.ts";

test("a request whose handler throws is no longer counted as active", async () => {
  const now = () => 0;
  const app = new App({
    replies: new Replies({ influxVersion: "1.8.10", corsOrigins: [], now }),
    metrics: new Metrics(),
    state: () => ({ phase: "ready", reason: "", startedMs: 0 }),
    now,
    monotonic: now,
    onError: () => {},
  });
  const thrown = new Error("broken");
  const mount = {
    prefixes: ["/thrown/", "/rejected/"],
    router: new Hono(),
    exact: (_request: Request, path: string): Promise<Response> => {
      expect(app.active).toBe(1);
      if (path.startsWith("/thrown/")) throw thrown;
      return Promise.reject(thrown);
    },
  };
  app.open({ writes: {} as WriteRoutes, mounts: [mount] });
  for (const path of ["/thrown/", "/rejected/"]) {
    expect(app.fetch(new Request(`http://127.0.0.1${path}`))).rejects.toBe(thrown);
    await Bun.sleep(0);
    expect(app.active).toBe(0);
  }
});
