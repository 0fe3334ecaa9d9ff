/** What systemd sees: readiness, watchdog and stop over its socket, and a unit file that it accepts. */
import { expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  EXECUTABLE,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";

/** Prints every datagram of a unix socket as one line: no JavaScript runtime here has such sockets. */
const RECEIVER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(s.recv(4096).decode().replace("\\n", " "), flush=True)
`;
const UNIT = join(import.meta.dir, "../../packaging/tsinkd.service");

const hasPython = spawnSync("python3", ["--version"]).status === 0;
const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

test.skipIf(!hasPython)("systemd is told of readiness, life and stop", async () => {
  using directory = new TestDirectory();
  const socket = join(directory.path, "notify");
  const receiver = spawn("python3", ["-c", RECEIVER, socket]);
  let received = "";
  receiver.stdout.on("data", (bytes) => received += String(bytes));
  try {
    await until(() => received.includes("bound"), "the receiver");
    const environment = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "400000" };
    const daemon = await startDaemon(directory.path, [], environment);
    await until(() => received.includes("READY=1"), "READY");
    await until(() => received.split("WATCHDOG=1").length > 3, "three signs of life");
    expect(await stopDaemon(daemon)).toBe(0);
    await until(() => received.includes("STOPPING=1"), "STOPPING");
  } finally {
    receiver.kill();
  }
});

test("a notify socket that does not exist stops nothing", async () => {
  using directory = new TestDirectory();
  const environment = { NOTIFY_SOCKET: join(directory.path, "nowhere") };
  const daemon = await startDaemon(directory.path, [], environment);
  expect(await stopDaemon(daemon)).toBe(0);
});

test.skipIf(!hasSystemd)("the unit file is valid", () => {
  using directory = new TestDirectory();
  const path = join(directory.path, "tsinkd.service");
  // The user and the installed path exist on a machine where it is installed.
  const unit = readFileSync(UNIT, "utf8").replaceAll("/usr/bin/tsinkd", EXECUTABLE)
    .replace("User=tsinkd", "User=root").replace("Group=tsinkd", "Group=root");
  writeFileSync(path, unit);
  const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", path], {
    encoding: "utf8",
  });
  const about = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("tsinkd.service"));
  expect(about).toEqual([]);
  expect(status).toBe(0);
});
