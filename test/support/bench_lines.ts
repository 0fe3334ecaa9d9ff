/** Line protocol as text for whole-path benchmarks: the same bytes for the same arguments. */
import { SeededRandom } from "./seeded_random.ts";

/** First timestamp of the data, ns: 2026-01-01T00:00:05Z. */
const START = 1_767_225_605n;
const CPU_FIELDS = ["user", "system", "idle", "nice", "iowait", "irq", "softirq", "steal"].concat([
  "guest",
  "guest_nice",
]);

function gauss(random: SeededRandom): number {
  let sum = 0;
  for (let i = 0; i < 4; i++) sum += random.next();
  return (sum - 2) * 1.7320508;
}

function walk(value: number, step: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value + step));
}

/** Ten integer fields a host every 10 s, walking between 0 and 100; ten tags. */
export function cpuLines(hosts: number, hours: number): Uint8Array {
  const random = new SeededRandom(1);
  const values = Float64Array.from({ length: hosts * 10 }, () => random.next() * 100);
  const heads = Array.from(
    { length: hosts },
    (_, host) =>
      `cpu,hostname=host_${host},region=region-${host % 9},datacenter=dc-${host % 27},rack=${
        host % 100
      },os=Ubuntu16.04LTS,arch=x64,team=team-${host % 4},service=${host % 20},service_version=${
        host % 2
      },service_environment=production `,
  );
  const pieces: Uint8Array[] = [];
  for (let tick = 0; tick < hours * 360; tick++) {
    let text = "";
    const time = `${START + BigInt(tick) * 10n}000000000\n`;
    for (let host = 0; host < hosts; host++) {
      text += heads[host];
      for (let field = 0; field < 10; field++) {
        const at = host * 10 + field;
        values[at] = walk(values[at]!, gauss(random), 0, 100);
        text += `${field === 0 ? "" : ","}usage_${CPU_FIELDS[field]}=${Math.floor(values[at]!)}i`;
      }
      text += ` ${time}`;
    }
    pieces.push(new TextEncoder().encode(text));
  }
  return joined(pieces);
}

/** Three floats of 2, 3 and 4 decimals a device every 30 s, each device at a phase of its own; two tags. */
export function sensorLines(devices: number, hours: number): Uint8Array {
  const random = new SeededRandom(2);
  const state = Array.from({ length: devices }, (_, device) => ({
    device,
    phase: 1 + random.below(29_998),
    temperature: 15 + random.next() * 15,
    humidity: 30 + random.next() * 40,
    voltage: 3.3 + random.next() * 0.8,
  })).sort((a, b) => a.phase - b.phase);
  const pieces: Uint8Array[] = [];
  for (let tick = 0; tick < hours * 120; tick++) {
    let text = "";
    for (const each of state) {
      each.temperature = walk(each.temperature, gauss(random) * 0.08, 1, 60);
      each.humidity = walk(each.humidity, gauss(random) * 0.15, 1, 99);
      each.voltage = walk(each.voltage, gauss(random) * 0.002, 2.5, 4.2);
      const ms = START * 1_000n + BigInt(tick * 30_000 + each.phase);
      text += `sensor,device=dev_${each.device},site=site_${each.device % 50} temperature=${
        each.temperature.toFixed(2)
      },humidity=${each.humidity.toFixed(3)},voltage=${each.voltage.toFixed(4)} ${ms}000000\n`;
    }
    pieces.push(new TextEncoder().encode(text));
  }
  return joined(pieces);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
