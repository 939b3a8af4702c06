// A bot behind a webhook, from the visitor's side: it streams, is stopped, is exact after a reload, and says something later. The
// bot checks and signs with the library of Standard Webhooks, which is not ours.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import path from "node:path";
import type { Page } from "@playwright/test";
import { Webhook } from "standardwebhooks";
import { Chat, history } from "../fixtures/chat";
import { testApp } from "../fixtures/platform";
import { freePort } from "../fixtures/port";
import { expect, test } from "../fixtures/test";

const KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const library = new Webhook(KEY);

// The browser itself writes a line for each request that fails.
test.use({ expectedProblems: ["ERR_CONNECTION", "WebSocket"] });

interface Bot {
  port: number;
  // Of each event, in order.
  ids: string[];
  // Lets the answer that streams go on.
  goOn(): void;
  // Turns whose connection was closed before their answer was whole.
  hungUp: string[];
  // Where the last conversation is told something later.
  replyUrl(): string;
  stop(): Promise<void>;
}

async function startBot(): Promise<Bot> {
  let goOn = (): void => {};
  let replyUrl = "";
  const ids: string[] = [];
  const hungUp: string[] = [];
  const answer = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await request.toArray()).toString();
    // Throws when signature, timestamp or body are not as they should be.
    const { type, data } = library.verify(body, request.headers as Record<string, string>) as any;
    ids.push(String(request.headers["webhook-id"]));
    replyUrl = data.reply_url;
    if (type !== "message.created") return void reply.writeHead(204).end();
    if (data.text.startsWith("stream")) {
      reply.on("close", () => reply.writableFinished || hungUp.push(data.turn));
      reply.writeHead(200, { "content-type": "text/event-stream" });
      const say = (piece: object) => reply.write(`data: ${JSON.stringify(piece)}\n\n`);
      const gate = new Promise<void>((resolve) => (goOn = resolve));
      say({ delta: "The answer comes " });
      say({ delta: "**word by word**" });
      await gate;
      say({ delta: ", and this is the end." });
      say({ message: { text: "Anything else?", buttons: [{ title: "No, thanks", payload: "bye" }] } });
      say({ done: true });
      return void reply.end();
    }
    reply.writeHead(200, { "content-type": "application/json" });
    reply.end(JSON.stringify({ text: `You said: ${data.text}` }));
  };
  const server = createServer((request, reply) => {
    answer(request, reply).catch((error) => reply.writeHead(401).end(String(error)));
  });
  // It goes away, and nobody else may be met there then.
  const port = await freePort();
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  return {
    port,
    ids,
    goOn: () => goOn(),
    hungUp,
    replyUrl: () => replyUrl,
    stop: () => {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}

const config = ({ port }: { port: number }) => testApp({ more: `key = "${KEY}"\n[bots.st-demo.webhook]\nurl = "http://127.0.0.1:${port}/bot"\n` });

// What the page shows is what the store holds, also after a reload.
async function exact(chat: Chat, page: Page, expected: [string, RegExp | string][]): Promise<void> {
  const check = async () => {
    await expect(chat.rows).toHaveCount(expected.length);
    for (const [at, [by, text]] of expected.entries()) {
      await expect(chat.rows.nth(at)).toContainText(text);
      await expect(chat.rows.nth(at)).toHaveClass(by === "visitor" ? /mine/ : /bot/);
    }
  };
  await chat.settled();
  await check();
  const stored = await history(page);
  expect(stored.map(({ seq }) => seq)).toEqual(expected.map((_, at) => at + 1));
  expect(stored.map(({ by }) => by)).toEqual(expected.map(([by]) => by));
  await page.reload();
  await chat.online();
  await check();
}

test("it streams, is stopped, is exact after a reload, and says something later", async ({ page, startParlour }) => {
  const bot = await startBot();
  const parlour = await startParlour({ config: config(bot) });
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await chat.online();
  const growing = chat.window.locator("article.growing");

  await chat.tell("stream to the end");
  await expect(growing.locator("strong")).toHaveText("word by word");
  bot.goOn();
  await expect(growing).toHaveCount(0);
  await expect(chat.row("Anything else?").getByRole("button")).toHaveText("No, thanks");
  await chat.row("Anything else?").getByRole("button").click();
  await expect(chat.row("You said: bye")).toHaveCount(1);

  await chat.tell("stream until I stop you");
  await expect(growing).toContainText("word by word");
  await chat.window.getByRole("button", { name: "Stop answering" }).click();
  await expect(growing).toHaveCount(0);
  await expect(chat.row("Stopped")).toHaveCount(1);
  await expect.poll(() => bot.hungUp).toHaveLength(1);
  bot.goOn();

  const begun: [string, RegExp | string][] = [
    ["visitor", "stream to the end"],
    ["bot", "The answer comes word by word, and this is the end."],
    ["bot", "Anything else?"],
    ["visitor", "No, thanks"],
    ["bot", "You said: bye"],
    ["visitor", "stream until I stop you"],
    ["bot", /^[^]*The answer comes word by word[^,]*Stopped/],
  ];
  await exact(chat, page, begun);
  // One event for the session and one for each message, and none of them twice.
  expect(new Set(bot.ids).size).toBe(bot.ids.length);

  // Signed by the library, taken by Parlour; the same id again says nothing new, and no other signature fits.
  const say = (id: string, body: string, signature: string, at: Date) =>
    fetch(bot.replyUrl(), {
      method: "POST",
      headers: { "content-type": "application/json", "webhook-id": id, "webhook-timestamp": String(Math.floor(at.getTime() / 1000)), "webhook-signature": signature },
      body,
    });
  const now = new Date();
  const body = JSON.stringify({ text: "Your parcel has arrived. 📦" });
  for (let times = 0; times < 2; times++) {
    expect((await say("late-1", body, library.sign("late-1", now, body), now)).status).toBe(200);
  }
  expect((await say("late-2", body, library.sign("late-1", now, body), now)).status).toBe(401);
  const old = new Date(now.getTime() - 600_000);
  expect((await say("late-3", body, library.sign("late-3", old, body), old)).status).toBe(401);
  await expect(chat.row("Your parcel has arrived. 📦")).toHaveCount(1);
  await exact(chat, page, [...begun, ["bot", "Your parcel has arrived. 📦"]]);
  await bot.stop();
});

test("a bot that is away is asked again by the same id, and a visitor reads a calm sentence in the end", async ({ page, startParlour }) => {
  const bot = await startBot();
  const parlour = await startParlour({ config: config(bot) });
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await chat.online();
  await chat.tell("hello");
  await expect(chat.row("You said: hello")).toHaveCount(1);
  await bot.stop();
  await chat.tell("are you there?");
  await expect(chat.row("could not answer")).toHaveCount(1, { timeout: 120_000 });
  await expect.poll(() => parlour.output).toContain("unreachable");
  expect(parlour.output).not.toContain("are you there?");
  expect(parlour.output).not.toContain(KEY.slice(6));
});

test("the library for Python checks and signs as well", async ({ page, startParlour }) => {
  const file = path.join(import.meta.dirname, "../fixtures/signed_bot.py");
  const bot = spawn("python3", [file], { env: { ...process.env, KEY }, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [said] = await once(bot.stdout, "data");
    const port = Number(/listening on (\d+)/.exec(String(said))![1]);
    const parlour = await startParlour({ config: config({ port }) });
    await page.goto(`${parlour.baseURL}/chat/demo`);
    const chat = new Chat(page);
    await chat.online();
    await chat.tell("grüße 😀");
    await expect(chat.row("You said: grüße 😀")).toHaveCount(1);
    await expect(chat.row("And later: 📦")).toHaveCount(1);
    const stored = await history(page);
    expect(stored.map(({ text }) => text).toSorted()).toEqual(["And later: 📦", "You said: grüße 😀", "grüße 😀"]);
  } finally {
    bot.kill();
  }
});
