// What a small Node server would do in Parlour's place: express, ws and fetch, everything in memory. It speaks just as much of
// the protocol as `cargo xtask load webhook` and `load model` need, and stores nothing: what it is measured with is to its
// advantage. Started by `cargo xtask load … --server end2end/peer.mjs`.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import express from "express";
import { WebSocketServer } from "ws";

const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const config = readFileSync(argument("--config"), "utf8");
const webhook = /\[bots\.st-load\.webhook\]\s+url = "([^"]+)"/.exec(config)?.[1];
const model = /base_url = "([^"]+)"/.exec(config)?.[1];

// By access token: the transcript, and what is answered one after the other.
const visitors = new Map();
const tickets = new Map();
const bearer = (request) => request.headers.authorization?.replace(/^bearer /i, "");

const app = express();
app.use(express.json());
app.post("/api/users/sts", (request, response) => void response.json({ jwt: request.body.identity }));
app.post("/api/oAuth/token/jwtgrant", (request, response) => {
  const token = randomUUID();
  visitors.set(token, { messages: [], last: Promise.resolve(), send: () => {} });
  response.json({ authorization: { accessToken: token, token_type: "bearer" }, userInfo: { userId: request.body.assertion } });
});
app.post("/api/rtm/start", (request, response) => {
  const ticket = randomUUID();
  tickets.set(ticket, bearer(request));
  response.json({ url: `ws://${request.headers.host}/rtm/bot?sid=${ticket}` });
});
app.get("/api/botmessages/rtm", (request, response) => {
  const { messages } = visitors.get(bearer(request));
  response.json({ messages: [], moreAvailable: false, lastSeq: messages.length });
});

const server = createServer(app);
const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket, request) => {
  const ticket = new URL(request.url, "http://peer").searchParams.get("sid");
  const visitor = visitors.get(tickets.get(ticket));
  tickets.delete(ticket);
  if (!visitor) return socket.close(1008);
  visitor.send = (frame) => socket.send(JSON.stringify(frame));
  if (!visitor.messages.length) say(visitor, "Welcome", randomUUID());
  socket.on("message", (data) => {
    const frame = JSON.parse(data);
    if (frame.type === "ping") return visitor.send({ type: "pong", replyto: frame.id, ok: true });
    const text = frame.message?.body;
    if (text === undefined) return visitor.send({ type: "ack", ok: true, replyto: frame.id, message: "delivered" });
    visitor.messages.push(text);
    visitor.send({ type: "ack", ok: true, replyto: frame.clientMessageId ?? frame.id, message: "delivered", seq: visitor.messages.length, messageId: randomUUID() });
    visitor.last = visitor.last.then(() => (webhook ? askWebhook(visitor, text) : askModel(visitor, text))).catch((error) => console.error(error.message));
  });
});

const answer = (text, messageId, more = {}) => ({
  type: "bot_response",
  from: "bot",
  message: [{ type: "text", component: { type: "text", payload: { text } }, cInfo: { body: text } }],
  messageId,
  botInfo: { chatBot: "Echo", taskBotId: "st-load" },
  createdOn: new Date().toISOString(),
  timestamp: Date.now(),
  ...more,
});

function say(visitor, text, messageId) {
  visitor.messages.push(text);
  visitor.send(answer(text, messageId, { seq: visitor.messages.length }));
}

async function askWebhook(visitor, text) {
  const body = JSON.stringify({ type: "message.created", data: { turn: randomUUID(), text } });
  const response = await fetch(webhook, { method: "POST", headers: { "content-type": "application/json" }, body });
  say(visitor, (await response.json()).text, randomUUID());
}

async function askModel(visitor, text) {
  const body = JSON.stringify({ model: "echo", stream: true, messages: [{ role: "user", content: text }] });
  const response = await fetch(`${model}/chat/completions`, { method: "POST", headers: { "content-type": "application/json" }, body });
  const messageId = randomUUID();
  let [rest, whole] = ["", ""];
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: {")) continue;
      const piece = JSON.parse(line.slice(6)).choices[0]?.delta.content;
      if (!piece) continue;
      visitor.send(answer(piece, messageId, { sM: true, endChunk: false, at: Buffer.byteLength(whole) }));
      whole += piece;
    }
  }
  say(visitor, whole, messageId);
}

const [host, port] = argument("--listen").split(":");
server.listen(Number(port), host, () => console.log(`peer: listening on http://${host}:${server.address().port}/`));
process.on("SIGTERM", () => process.exit(0));
