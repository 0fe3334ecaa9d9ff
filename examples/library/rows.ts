/** Writes and reads rows: one object a point. Takes a directory as argument; without one everything stays in memory. */
import { Storage } from "../../engine/mod.ts";

const path = process.argv[2];
await using storage = await Storage.open({
  ...(path === undefined ? {} : { path }),
  settings: { timeUnit: "ms" },
});

const start = 1_700_000_000_000n;
for (let minute = 0n; minute < 60n; minute++) {
  const timestamp = start + minute * 60_000n;
  await storage.insertRows([
    {
      metric: "temperature",
      labels: [["room", "kitchen"]],
      point: { timestamp, value: { kind: "f64", value: 20 + Number(minute) / 10 } },
    },
    {
      metric: "door_opened",
      labels: [["room", "kitchen"]],
      point: { timestamp, value: { kind: "u64", value: minute / 10n } },
    },
  ]);
}

const hour = { start, end: start + 3_600_000n };
const kitchen = { labels: [["room", "kitchen"]] as const, ...hour };
const averages = storage.selectWithOptions("temperature", {
  ...kitchen,
  downsampleInterval: 900_000n,
  aggregation: "avg",
});
for (const { timestamp, value } of averages) {
  console.log(`${(timestamp - start) / 60_000n} min  ${Number(value.value).toFixed(2)} °C`);
}
const [last] = storage.selectWithOptions("door_opened", { ...kitchen, aggregation: "last" });
console.log(`door opened ${last!.value.value} times`);
const found = storage.selectSeries({ matchers: [{ name: "room", operator: "=~", value: "k.*" }] });
for (const { name, labels } of found) console.log(name, JSON.stringify(labels));

/* Prints
0 min  20.70 °C
15 min  22.20 °C
30 min  23.70 °C
45 min  25.20 °C
door opened 5 times
door_opened [["room","kitchen"]]
temperature [["room","kitchen"]]
*/
