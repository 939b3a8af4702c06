// A bot behind a webhook (docs/bots.md), in Node without packages: KEY=whsec_… PORT=3000 node webhook-bot.mjs
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.KEY.replace("whsec_", ""), "base64");
const now = () => Math.floor(Date.now() / 1000);
const sign = (id, time, body) => "v1," + createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest("base64");
const same = (a, b) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

function isOurs({ headers }, body) {
  const [id, time, signatures] = ["id", "timestamp", "signature"].map((name) => headers[`webhook-${name}`] ?? "");
  return Math.abs(now() - time) < 300 && signatures.split(" ").some((one) => same(one, sign(id, time, body)));
}

// Says something outside of a turn. The same id again says nothing new, so this may be tried again.
async function say(url, id, reply) {
  const [time, body] = [now(), JSON.stringify(reply)];
  const signed = { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": sign(id, time, body) };
  const said = await fetch(url, { method: "POST", headers: { "content-type": "application/json", ...signed }, body });
  if (!said.ok) console.error("not said:", said.status, await said.text());
}

const server = createServer(async (request, answer) => {
  const body = Buffer.concat(await request.toArray());
  if (!isOurs(request, body)) return answer.writeHead(401).end();
  const { type, data } = JSON.parse(body);
  if (type !== "message.created") return answer.writeHead(204).end();
  if (data.text === "stream") {
    answer.writeHead(200, { "content-type": "application/x-ndjson" });
    for (const delta of ["One ", "word ", "after ", "the ", "other."]) answer.write(JSON.stringify({ delta }) + "\n");
    return answer.end('{"done": true}\n');
  }
  if (data.text === "later") {
    setTimeout(() => say(data.reply_url, `${data.turn}-later`, { text: "Here it is." }).catch(console.error), 1000);
    return answer.writeHead(202).end();
  }
  const buttons = ["stream", "later"].map((payload) => ({ title: `Try ${payload}`, payload }));
  answer.writeHead(200, { "content-type": "application/json" });
  answer.end(JSON.stringify({ text: `You said: ${data.text}`, buttons }));
});
server.listen(process.env.PORT ?? 3000, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
