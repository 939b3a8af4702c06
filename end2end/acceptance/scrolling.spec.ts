// Where the transcript stands: at its end, or where its reader left it.
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/test";
import { Chat, history, standalone, wire } from "../fixtures/chat";

test.use({ viewport: { width: 800, height: 600 } });

const top = (chat: Chat) => chat.log.evaluate((log) => Math.round(log.scrollTop));
const fromEnd = (chat: Chat) => chat.log.evaluate((log) => Math.round(log.scrollHeight - log.clientHeight - log.scrollTop));
const scrollTo = (chat: Chat, where: number) => chat.log.evaluate((log, where) => log.scrollTo(0, where), where);

// Says "several" so often that the conversation has this many messages: the greetings, then four each time.
async function fill(chat: Chat, messages: number): Promise<void> {
  for (let n = 1; 2 + 4 * n <= messages; n++) {
    await chat.say("several");
    await expect(chat.row("and the last.")).toHaveCount(n);
  }
}

// The same visitor in a second window, who makes the bot talk.
async function another(page: Page, parlour: Parameters<typeof standalone>[1]): Promise<Chat> {
  const other = new Chat(await page.context().newPage());
  await (other.window as Page).goto(`${parlour.baseURL}/chat/demo`);
  await other.online();
  return other;
}

test("the end stays in view while the reader is there", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await fill(chat, 14);
  await expect.poll(() => fromEnd(chat)).toBe(0);
  await expect(chat.pill).toHaveCount(0);
  await page.setViewportSize({ width: 800, height: 420 });
  await expect.poll(() => fromEnd(chat)).toBe(0);
  await chat.composer.fill("1\n2\n3\n4\n5");
  await expect.poll(() => fromEnd(chat)).toBe(0);
});

test("a reader who scrolled up is left alone and told what is new", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  await fill(chat, 22);
  line.hold("bot_response");
  await chat.tell("several");
  await expect.poll(() => fromEnd(chat)).toBe(0);
  await scrollTo(chat, 200);
  await expect(chat.pill).toBeVisible();
  line.release();
  await expect(chat.pill).toHaveText("3 new messages");
  expect(await top(chat)).toBe(200);
  await chat.pill.click();
  await expect(chat.row("This is the first of three,").last()).toBeInViewport();
  await expect(chat.log).toBeFocused();
  await scrollTo(chat, 1e6);
  await expect(chat.pill).toHaveCount(0);
});

test("what the visitor says in another window does not move the reader of this one", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await fill(chat, 22);
  const other = await another(page, parlour);
  await page.bringToFront();
  await expect.poll(() => fromEnd(chat)).toBe(0);
  await scrollTo(chat, 200);
  await expect(chat.pill).toBeVisible();
  await other.say("thanks");
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  expect(await top(chat)).toBe(200);
});

test("an own message leads to the end from anywhere, and its answer is followed however fast it comes", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await fill(chat, 22);
  for (let n = 1; n <= 8; n++) {
    await scrollTo(chat, 100);
    await expect(chat.pill).toBeVisible();
    await chat.say("thanks");
    await expect(chat.row("You are welcome!")).toHaveCount(n);
    await expect(chat.row("You are welcome!").last()).toBeInViewport();
    await expect.poll(() => fromEnd(chat)).toBe(0);
    await expect(chat.pill).toHaveCount(0);
  }
});

test("an answer taller than the window shows its beginning", async ({ page, parlour }) => {
  await page.setViewportSize({ width: 360, height: 420 });
  const chat = await standalone(page, parlour);
  await chat.say("long");
  await expect(chat.row("Once there was a message")).toBeVisible();
  const beginning = chat.rows.getByText("Once there was a message");
  await expect(beginning).toBeInViewport();
  const [words, log] = await Promise.all([beginning.boundingBox(), chat.log.boundingBox()]);
  expect(words!.y).toBeGreaterThanOrEqual(log!.y);
  expect(await fromEnd(chat)).toBeGreaterThan(0);
});

test("sixty messages come a page at a time, and the reader keeps the place", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await fill(chat, 62);
  await chat.settled();
  await page.reload();
  await chat.online();
  await expect(chat.rows).toHaveCount(20);
  await expect.poll(() => fromEnd(chat)).toBe(0);
  for (const count of [50, 62]) {
    const key = (await chat.rows.nth(2).getAttribute("data-key"))!;
    const at = () => chat.log.evaluate((log, key) => log.querySelector(`[data-key="${key}"]`)!.getBoundingClientRect().top, key);
    // In one step, before the earlier messages can come.
    const before = await chat.log.evaluate((log, key) => {
      log.scrollTo(0, 60);
      return log.querySelector(`[data-key="${key}"]`)!.getBoundingClientRect().top;
    }, key);
    await expect(chat.rows).toHaveCount(count);
    await expect.poll(async () => Math.abs((await at()) - before)).toBeLessThanOrEqual(1);
  }
  await expect(page.getByText("This is where the conversation begins")).toHaveCount(1);
  const shown = await chat.rows.evaluateAll((rows) => rows.map((row) => row.getAttribute("data-key")));
  expect(new Set(shown).size).toBe(62);
  expect(await history(page)).toHaveLength(62);
});

test("messages that came while the window was away are marked as new", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("hello");
  const other = await another(page, parlour);
  await page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { configurable: true, value: "hidden" });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await other.say("thanks");
  await expect(chat.row("You are welcome!")).toContainText("New messages");
  await page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { configurable: true, value: "visible" });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await chat.say("hello");
  await expect(page.getByText("New messages")).toHaveCount(0);
});

test("a list that has become very long keeps its newest messages, and a reader gets the others back", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  await fill(chat, 14);
  const greeting = chat.row("I am the Parlour demo bot");
  await expect(greeting).toHaveCount(1);
  // The bot talks on and on: more than a list keeps, and later than all that is there. The reader follows.
  const last = (await history(page)).length;
  for (let n = 1; n <= 1_200; n++) {
    line.bring({ ...said(`Number ${n}.`), messageId: `ms-${n}`, seq: last + n });
    if (n % 10 === 0) await expect(page.locator(`[data-key="ms-${n}"]`)).toBeInViewport();
  }
  await expect.poll(() => page.locator("article").count()).toBeLessThanOrEqual(1_200);
  await expect(greeting).toHaveCount(0);
  await expect.poll(() => fromEnd(chat)).toBe(0);
  // What the server has comes again.
  await scrollTo(chat, 0);
  await expect(greeting).toHaveCount(1);
});

function said(text: string) {
  const payload = { type: "text", payload: { text } };
  return { type: "bot_response", from: "bot", message: [{ type: "text", component: payload, cInfo: { body: text } }] };
}
