/** The other ways in: unix sockets, UDP, TLS on HTTP and on the line port. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import {
  type DaemonProcess,
  querySum,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

function arrives(daemon: DaemonProcess, metric: string): Promise<void> {
  return until(async () => await querySum(daemon.url, metric) > 0, metric);
}

test("unix sockets and UDP, with their database labels", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path, [
    "--http-socket",
    "http.sock",
    "--tcp-socket",
    "lines.sock",
    "--udp-listen",
    "127.0.0.1:0",
    "--udp-database",
    "drums",
    "--tcp-database",
    "pipes",
  ]);
  const unix = join(directory.path, "http.sock");
  const answer = await fetch("http://localhost/write", { unix, method: "POST", body: "a value=1" });
  expect(answer.status).toBe(204);
  const lines = connect(join(directory.path, "lines.sock"));
  lines.end("b value=2\n");
  const port = Number(/ udp=127\.0\.0\.1:(\d+)/.exec(daemon.startLine)?.[1]);
  const datagrams = createSocket("udp4");
  datagrams.send("c value=3", port, "127.0.0.1", () => datagrams.close());
  await arrives(daemon, 'a{db=""}');
  await arrives(daemon, 'b{db="pipes"}');
  await arrives(daemon, 'c{db="drums"}');
  expect(await stopDaemon(daemon)).toBe(0);
});

test.skipIf(!hasOpenssl)("TLS on HTTP and on the line port", async () => {
  using directory = new TestDirectory();
  const key = join(directory.path, "key.pem");
  const cert = join(directory.path, "cert.pem");
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=IP:127.0.0.1"],
  ]);
  expect(made.status).toBe(0);
  const flags = ["--tls-cert", cert, "--tls-key", key, "--tcp-tls", "true"];
  const daemon = await startDaemon(directory.path, flags);
  const url = daemon.url.replace("http:", "https:");
  const ca = readFileSync(cert, "utf8");
  const post = await fetch(`${url}/write`, { method: "POST", body: "a value=1", tls: { ca } });
  expect(post.status).toBe(204);
  const lines = connectTls({ host: "127.0.0.1", port: daemon.tcpPort, ca });
  await new Promise((resolve) => lines.once("secureConnect", resolve));
  lines.end("b value=2\n");
  await until(async () => {
    const query = new URLSearchParams({ query: "a + on() b" });
    const answer = await fetch(`${url}/api/v1/query?${query}`, { tls: { ca } });
    return (await answer.text()).includes('"3"');
  }, "both series");
  expect(await stopDaemon(daemon)).toBe(0);
});
