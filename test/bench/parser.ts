/**
 * Speed of line protocol to batch columns, one thread, known and new series: bun test/bench/parser.ts [case ...]
 *
 * Each case is the same lines every time (seeded), parsed in windows of 1 MiB. Known: median of the passes after all
 * series exist, window copy included. New: the pass that creates them.
 */
import { Kernels } from "../../engine/kernels/kernels.ts";
import { LineScanner } from "../../engine/write/line_scanner.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const PASSES = 15;
const START = 1_767_225_600_000_000_000n;
const encoder = new TextEncoder();

interface Case {
  readonly name: string;
  /** Lines of one pass. */
  readonly lines: () => Iterable<string>;
}

const CPU_FIELDS =
  "usage_user usage_system usage_idle usage_nice usage_iowait usage_irq usage_softirq usage_steal " +
  "usage_guest usage_guest_nice";

function* cpu(
  hosts: number,
  rounds: number,
  value: (random: SeededRandom) => string,
): Iterable<string> {
  const random = new SeededRandom(1);
  const names = CPU_FIELDS.split(" ");
  const prefixes = Array.from(
    { length: hosts },
    (_, host) =>
      `cpu,hostname=host_${host},region=eu-central-${host % 3},datacenter=eu-central-1${
        "abc"[host % 3]
      },rack=${host % 100},` +
      `os=Ubuntu16.04LTS,arch=x64,team=SF,service=${host % 20},service_version=${
        host % 2
      },service_environment=production`,
  );
  for (let round = 0; round < rounds; round++) {
    const time = START + BigInt(round) * 10_000_000_000n;
    for (const prefix of prefixes) {
      yield `${prefix} ${names.map((name) => `${name}=${value(random)}`).join(",")} ${time}`;
    }
  }
}

function* iot(devices: number, rounds: number, shuffled: boolean): Iterable<string> {
  const random = new SeededRandom(2);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < devices; i++) {
      const device = shuffled ? random.below(devices) : i;
      const reading = (base: number, spread: number) => (base + random.next() * spread).toFixed(4);
      const time = START + BigInt(round) * 30_000_000_000n + BigInt(random.below(1_000_000_000));
      yield `sensors,device=dev-${device},site=plant${device % 7} temperature=${
        reading(18, 9)
      },humidity=${reading(30, 40)} ${time}`;
    }
  }
}

function* logs(rounds: number): Iterable<string> {
  const random = new SeededRandom(3);
  for (let i = 0; i < rounds; i++) {
    const escaped = i % 4 === 0 ? ' said \\"no\\"' : "";
    yield `syslog,host=h${i % 50},app=a${i % 7} message="connection ${
      random.below(1e9)
    } from 10.0.0.${i % 250} closed${escaped}",severity="info",code=${random.below(600)}i ${
      START + BigInt(i)
    }`;
  }
}

function* churn(series: number): Iterable<string> {
  for (let i = 0; i < series; i++) {
    yield `temperature,room=kitchen${i},sensor=dht22-0017 value=${i % 40}.5 ${START}`;
  }
}

const CASES: readonly Case[] = [
  {
    name: "ints, 100 hosts x 10 fields",
    lines: () => cpu(100, 300, (random) => `${random.below(101)}i`),
  },
  {
    name: "ints, 4,000 hosts x 10 fields",
    lines: () => cpu(4_000, 8, (random) => `${random.below(101)}i`),
  },
  {
    name: "floats of 17 digits, 4,000 hosts",
    lines: () => cpu(4_000, 6, (random) => String(random.next() * 100)),
  },
  { name: "floats of 4 decimals, 10,000 devices", lines: () => iot(10_000, 15, false) },
  { name: "floats of 4 decimals, devices at random", lines: () => iot(10_000, 15, true) },
  { name: "strings", lines: () => logs(100_000) },
  { name: "1,000,000 series", lines: () => churn(1_000_000) },
];

interface Pass {
  readonly seconds: number;
  readonly rows: number;
  readonly cells: number;
}

function pass(kernels: Kernels, scanner: LineScanner, body: Uint8Array): Pass {
  let cells = 0;
  const start = performance.now();
  const report = scanner.scan(body, {
    unit: "ns",
    nowNs: START,
    write: () => cells += kernels.exports.cellCount.value,
  });
  const seconds = (performance.now() - start) / 1_000;
  if (report.malformed + report.rejected > 0) throw new Error("A line was refused");
  return { seconds, rows: report.rows, cells };
}

function run({ name, lines }: Case): void {
  const list = [...lines()];
  const body = encoder.encode(list.join("\n"));
  const kernels = new Kernels();
  const scanner = new LineScanner(kernels, "ns");
  const before = kernels.usedBytes("registry");
  const first = pass(kernels, scanner, body);
  const times = Array.from({ length: PASSES }, () => pass(kernels, scanner, body).seconds);
  const seconds = times.sort((a, b) => a - b)[PASSES >> 1]!;
  const sources = kernels.exports.sourceTotal();
  const bytes = (kernels.usedBytes("registry") - before) / sources;
  const figure = (value: number) => value.toFixed(1).padStart(6);
  console.log(
    `${name.padEnd(42)} known ${figure(first.cells / seconds / 1e6)} M fields/s ${
      figure(first.rows / seconds / 1e6)
    } M lines/s ${figure(body.length / seconds / 1e6)} MB/s (best ${
      figure(first.cells / times[0]! / 1e6)
    })   first pass ${
      figure(first.cells / first.seconds / 1e6)
    } M fields/s   ${sources} sources of ${bytes.toFixed(0)} B`,
  );
}

const wanted = process.argv.slice(2);
for (const each of CASES) {
  if (wanted.length === 0 || wanted.some((word) => each.name.includes(word))) run(each);
}
