// Every message once and in order: through dead networks, reloads, closed tabs, killed servers, wrong clocks and browsers
// that store nothing. Each story ends with the exact transcript in the tab and in the store.
import type { BrowserContext, Page } from "@playwright/test";
import { expect, test } from "../fixtures/test";
import type { Parlour } from "../fixtures/parlour";
import { Chat, history, holdWasm, saidByVisitor, standalone, wire } from "../fixtures/chat";

// The browser itself writes a line for each request that fails.
test.use({ expectedProblems: ["ERR_", "WebSocket"] });

// Nothing is on its way, and screen and store hold the same.
async function accounted(page: Page, chat: Chat, said: string[]): Promise<void> {
  await chat.settled();
  await expect(chat.mine.locator(".bubble")).toHaveText(said);
  expect(await saidByVisitor(page)).toEqual(said);
  // The bot's answer to the last one may be on its way.
  await expect.poll(async () => (await history(page)).length === (await chat.rows.count())).toBe(true);
}

// The page comes and the identity is known, but no socket, until the returned function is called.
async function withoutSockets(context: BrowserContext): Promise<() => Promise<void>> {
  const to = "**/rtm/start";
  await context.route(to, (route) => route.abort("connectionrefused"));
  return () => context.unroute(to);
}

// As after a long time without connection: at once, not with the next try.
const tryNow = (page: Page) => page.evaluate(() => dispatchEvent(new Event("online")));

async function opened(page: Page, url: string): Promise<Chat> {
  await page.goto(url);
  return new Chat(page);
}

// One message is stored, two wait: there is no socket until `connect` is called.
async function twoUnsent(page: Page, context: BrowserContext, parlour: Parlour): Promise<{ chat: Chat; connect: () => Promise<void> }> {
  const chat = await standalone(page, parlour);
  await chat.tell("call me One");
  const connect = await withoutSockets(context);
  await page.reload();
  await chat.say("call me Two");
  await chat.say("call me Three");
  await expect(chat.mine.last()).toContainText("Sending…");
  return { chat, connect };
}

test("what is unsent is there after a reload, and goes out once", async ({ page, context, parlour }) => {
  const { chat, connect } = await twoUnsent(page, context, parlour);
  await page.reload();
  await expect(chat.mine.locator(".bubble")).toHaveText(["call me One", "call me Two", "call me Three"]);
  await expect(chat.mine.last()).toContainText("Sending…");
  await connect();
  await tryNow(page);
  await chat.online();
  await expect(chat.row("Pleased to meet you, Three!")).toHaveCount(1);
  await accounted(page, chat, ["call me One", "call me Two", "call me Three"]);
});

test("what was unsent when the tab was closed goes out from a new one, before what is said there", async ({ page, context, parlour }) => {
  const { chat, connect } = await twoUnsent(page, context, parlour);
  await page.close();
  const other = await context.newPage();
  const later = await opened(other, `${parlour.baseURL}/chat/demo`);
  await expect(later.mine.locator(".bubble")).toHaveText(["call me One", "call me Two", "call me Three"]);
  await later.say("call me Four");
  await connect();
  await tryNow(other);
  await later.online();
  await expect(later.row("Pleased to meet you, Four!")).toHaveCount(1);
  await accounted(other, later, ["call me One", "call me Two", "call me Three", "call me Four"]);
  // Nothing is left that a third page could send.
  await other.reload();
  await later.online();
  await accounted(other, later, ["call me One", "call me Two", "call me Three", "call me Four"]);
});

test("a socket cut twenty times during two hundred messages loses, doubles and swaps nothing", async ({ page, parlour }) => {
  test.setTimeout(480_000);
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  const said: string[] = [];
  for (let cut = 1; cut <= 20; cut++) {
    const before = line.opened();
    for (let n = 0; n < 10; n++) {
      said.push(`call me ${said.length}`);
      // In the middle of ten, so that some are sent, some acknowledged and some neither.
      if (n === 5) await line.cut();
      await chat.say(said.at(-1)!);
    }
    await expect.poll(line.opened).toBeGreaterThan(before);
    await expect(chat.mine).toHaveCount(said.length);
    await expect(page.locator("article.sending, article.failed")).toHaveCount(0);
  }
  await expect(chat.row("Pleased to meet you, 199!")).toHaveCount(1);
  await accounted(page, chat, said);
});

test("a server killed and started again in the middle of a conversation", async ({ page, startParlour }) => {
  const parlour = await startParlour();
  const chat = await standalone(page, parlour);
  const said: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 3; n++) {
      said.push(`call me ${said.length}`);
      await chat.say(said.at(-1)!);
    }
    await parlour.restart("kill");
    await tryNow(page);
    said.push(`call me ${said.length}`);
    await chat.say(said.at(-1)!);
    await expect(page.locator("article.sending")).toHaveCount(0);
  }
  await expect(chat.row(`Pleased to meet you, ${said.length - 1}!`)).toHaveCount(1);
  await accounted(page, chat, said);
});

test("what is said before the wasm is there goes out once, also over a reload", async ({ page, parlour }) => {
  const release = await holdWasm(page);
  const chat = await opened(page, `${parlour.baseURL}/chat/demo`);
  await chat.say("call me One");
  await expect(page.locator("#early .bubble")).toHaveText(["call me One"]);
  await page.reload();
  await expect(page.locator("#early .bubble")).toHaveText(["call me One"]);
  await chat.say("call me Two");
  release();
  await chat.online();
  await expect(chat.row("Pleased to meet you, Two!")).toHaveCount(1);
  await accounted(page, chat, ["call me One", "call me Two"]);
  await page.reload();
  await chat.online();
  await accounted(page, chat, ["call me One", "call me Two"]);
});

test("before the wasm is there, too long a text stays in the composer", async ({ page, parlour }) => {
  const release = await holdWasm(page);
  const chat = await opened(page, `${parlour.baseURL}/chat/demo`);
  await chat.composer.fill("x".repeat(10_001));
  await chat.composer.press("Enter");
  await expect(page.locator("#early .bubble")).toHaveCount(0);
  await expect(chat.composer).toHaveValue("x".repeat(10_001));
  release();
  await chat.welcomed();
  await accounted(page, chat, []);
});

test("a clock that is wrong by a year, now ahead and now behind, changes no order", async ({ page, context, parlour }) => {
  await context.addInitScript(() => {
    const now = Date.now;
    // Ahead; after the first reload behind.
    const years = sessionStorage.visited ? -1 : 1;
    sessionStorage.visited = "yes";
    Date.now = () => now() + years * 365 * 24 * 60 * 60 * 1000;
  });
  const chat = await standalone(page, parlour);
  await chat.tell("call me One");
  await chat.tell("call me Two");
  await expect(chat.row("Pleased to meet you, Two!")).toHaveCount(1);
  await page.reload();
  await chat.online();
  await chat.tell("call me Three");
  await chat.tell("call me Four");
  await expect(chat.row("Pleased to meet you, Four!")).toHaveCount(1);
  const said = ["call me One", "call me Two", "call me Three", "call me Four"];
  await accounted(page, chat, said);
  const order = ["me One", "you, One", "me Two", "you, Two", "me Three", "you, Three", "me Four", "you, Four"];
  await expect(chat.bubbles.filter({ hasText: /One|Two|Three|Four/ })).toHaveText(order.map((part) => new RegExp(part)));
});

for (const [what, refuse] of [
  ["refuses to store anything", () => Object.defineProperty(window, "indexedDB", { get: () => { throw new DOMException("no", "SecurityError"); } })],
  ["is full", () => { IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); }; }],
  ["never answers", () => { IDBFactory.prototype.open = () => new EventTarget() as IDBOpenDBRequest; }],
] as const) {
  test(`a browser whose storage ${what}: everything works, and it says once what it cannot keep`, async ({ page, context, parlour }) => {
    await context.addInitScript(refuse);
    const chat = await standalone(page, parlour);
    await chat.say("call me One");
    await expect(chat.notice).toContainText("unsent messages are lost when you reload");
    await expect(chat.row("Pleased to meet you, One!")).toHaveCount(1);
    await expect(chat.notice).toHaveCount(0);
    await chat.tell("call me Two");
    await expect(chat.notice).toHaveCount(0);
    await expect(chat.row("Pleased to meet you, Two!")).toHaveCount(1);
    await accounted(page, chat, ["call me One", "call me Two"]);
  });
}

test("too many unsent messages: the visitor is told, and the composer keeps the text", async ({ page, context, parlour }) => {
  // A hundred go out one by one, and the server's pace holds them up.
  test.setTimeout(360_000);
  const connect = await withoutSockets(context);
  const chat = await opened(page, `${parlour.baseURL}/chat/demo`);
  await expect(chat.sendButton).toHaveAttribute("aria-disabled", "true");
  const said = Array.from({ length: 100 }, (_, n) => `number ${n}`);
  for (const text of said) await chat.say(text);
  await expect(chat.mine).toHaveCount(100);
  await chat.say("one too many");
  await expect(chat.notice).toContainText("Too many messages are waiting");
  await expect(chat.composer).toHaveValue("one too many");
  await expect(chat.mine).toHaveCount(100);
  await connect();
  await tryNow(page);
  await expect(page.locator("article.sending")).toHaveCount(0, { timeout: 120_000 });
  await chat.composer.press("Enter");
  await expect(chat.mine).toHaveCount(101);
  await expect(page.locator("article.sending")).toHaveCount(0);
  expect(await saidByVisitor(page)).toEqual([...said, "one too many"]);
});

test("a token that ended meanwhile costs nothing: not the chat, not the draft, not what is unsent", async ({ page, context, startParlour }) => {
  const parlour = await startParlour();
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  await chat.tell("call me One");
  await expect(chat.row("Pleased to meet you, One!")).toHaveCount(1);
  // From now on the platform knows no token that was given before.
  let grants = 0;
  await context.route("**/oAuth/token/jwtgrant", (route) => (grants++, route.continue()));
  await context.route("**/rtm/start", (route) =>
    grants > 0 ? route.continue() : route.fulfill({ status: 401, json: { errors: [{ msg: "token expired", code: "TOKEN_EXPIRED" }] } }),
  );
  await line.cut();
  await chat.say("call me Two");
  await chat.composer.fill("a draft");
  await expect.poll(() => grants).toBe(1);
  await chat.online();
  await expect(chat.row("Pleased to meet you, Two!")).toHaveCount(1);
  await expect(chat.composer).toHaveValue("a draft");
  await accounted(page, chat, ["call me One", "call me Two"]);
});

test("a token is renewed before it ends, on the socket that is open", async ({ page, startParlour }) => {
  const parlour = await startParlour({ env: { PARLOUR_TOKENS__ACCESS_LIFE: "2h" } });
  await page.clock.install();
  let grants = 0;
  await page.route("**/oAuth/token/jwtgrant", (route) => (grants++, route.continue()));
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  await chat.tell("call me One");
  expect(grants).toBe(1);
  await page.clock.fastForward("01:56:00");
  await expect.poll(() => grants).toBe(2);
  await chat.tell("call me Two");
  await expect(chat.row("Pleased to meet you, Two!")).toHaveCount(1);
  expect(line.opened()).toBe(1);
  await accounted(page, chat, ["call me One", "call me Two"]);
});

test("earlier messages come although the token has ended unseen", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  for (let n = 0; n < 12; n++) await chat.tell(`number ${n}`);
  await page.reload();
  await chat.online();
  await expect(chat.mine.filter({ hasText: "number 0" })).toHaveCount(0);
  let grants = 0;
  await page.route("**/oAuth/token/jwtgrant", (route) => (grants++, route.continue()));
  await page.route("**/botmessages/rtm*", (route) =>
    grants > 0 ? route.continue() : route.fulfill({ status: 401, json: { errors: [{ msg: "token expired", code: "TOKEN_EXPIRED" }] } }),
  );
  await chat.log.evaluate((it) => it.scrollTo(0, 0));
  await expect(chat.mine.filter({ hasText: "number 0" })).toHaveCount(1);
  expect(grants).toBe(1);
});

test("an agent behind the bot types, gets what the visitor says, and reads it", async ({ page, parlour, expectAccessible }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  await chat.tell("call me One");
  await chat.tell("call me Two");
  await expect(chat.mine.last()).toContainText("Sent");
  const event = (message: object) => line.bring({ type: "events", from: "bot", message });
  const agent = { author: { type: "AGENT" } };
  event({ type: "typing", ...agent });
  await expect(chat.window.getByRole("img", { name: "Parlour is typing" })).toBeVisible();
  event({ type: "stoptyping", ...agent });
  await expect(chat.window.getByRole("img", { name: "Parlour is typing" })).toHaveCount(0);
  const id = (await chat.mine.first().getAttribute("data-key"))?.replace("own-", "");
  event({ type: "message_read", clientMessageId: Number(id) });
  await expect(chat.mine.first()).toContainText("Read");
  await expect(chat.mine.last()).toContainText("Sent");
  event({ type: "message_delivered", clientMessageId: "all" });
  await expect(chat.mine.last()).toContainText("Delivered");
  await expect(chat.mine.first()).toContainText("Read");
  await expectAccessible(page);
});

test("what was said before anybody knew the visitor outlives the tab", async ({ page, context, parlour }) => {
  await context.route("**/oAuth/token/jwtgrant", (route) => route.abort("connectionrefused"));
  const chat = await opened(page, `${parlour.baseURL}/chat/demo`);
  await expect(chat.sendButton).toHaveAttribute("aria-disabled", "true");
  for (const text of ["call me One", "call me Two"]) await chat.say(text);
  const kept = () =>
    page.evaluate(
      () =>
        new Promise<number>((count) => {
          const open = indexedDB.open("parlour");
          open.onsuccess = () => {
            const all = open.result.transaction("outbox").objectStore("outbox").count();
            all.onsuccess = () => (open.result.close(), count(all.result));
          };
        }),
    );
  await expect.poll(kept).toBe(2);
  await page.close();
  await context.unroute("**/oAuth/token/jwtgrant");
  const other = await context.newPage();
  const later = await opened(other, `${parlour.baseURL}/chat/demo`);
  await later.online();
  await expect(later.row("Pleased to meet you, Two!")).toHaveCount(1);
  await accounted(other, later, ["call me One", "call me Two"]);
});
