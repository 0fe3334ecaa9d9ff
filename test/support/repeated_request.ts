/** A process of its own that sends one request again and again and reads the answers: `repeated_request.ts URL BODY`. */
const [url, body] = process.argv.slice(2) as [string, string];

for (;;) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body,
  });
  let bytes = 0;
  for await (const piece of response.body ?? []) bytes += piece.length;
  process.stdout.write(`${response.status} ${bytes}\n`);
}

export {};
