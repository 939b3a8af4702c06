// Several tabs of one visitor: one socket, one list, whatever happens to the tab that has the socket. Each story ends with
// the exact transcript in every tab and in the store.
import type { BrowserContext, Page } from "@playwright/test";
import { expect, test } from "../fixtures/test";
import { Chat, history, saidByVisitor, wire } from "../fixtures/chat";

test.use({ expectedProblems: ["ERR_", "WebSocket"] });

interface Tab {
  page: Page;
  chat: Chat;
}

// Opens a tab and waits until it shows the conversation; the first one leads.
async function tab(context: BrowserContext, url: string, page?: Page): Promise<Tab> {
  page ??= await context.newPage();
  await page.goto(url);
  const chat = new Chat(page);
  await chat.welcomed();
  return { page, chat };
}

// Every tab and the store hold the same, and nothing is on its way.
async function accounted(tabs: Tab[], said: string[]): Promise<void> {
  for (const { chat } of tabs) {
    await chat.settled();
    await expect(chat.mine.locator(".bubble")).toHaveText(said);
  }
  expect(await saidByVisitor(tabs[0].page)).toEqual(said);
  await expect
    .poll(async () => {
      const stored = (await history(tabs[0].page)).length;
      const counts = await Promise.all(tabs.map(({ chat }) => chat.rows.count()));
      return counts.every((count) => count === stored);
    })
    .toBe(true);
  const texts = await Promise.all(tabs.map(({ chat }) => chat.bubbles.allTextContents()));
  for (const others of texts) expect(others).toEqual(texts[0]);
}

// How many sockets the pages of a context have opened.
function sockets(context: BrowserContext): () => number {
  let opened = 0;
  const count = (page: Page) => page.on("websocket", () => opened++);
  context.pages().forEach(count);
  context.on("page", count);
  return () => opened;
}

test("three tabs share one socket and show the same", async ({ page, context, parlour }) => {
  const opened = sockets(context);
  const url = `${parlour.baseURL}/chat/demo`;
  const one = await tab(context, url, page);
  const two = await tab(context, url);
  const three = await tab(context, url);
  expect(opened()).toBe(1);
  const said: string[] = [];
  for (const [n, { chat }] of [one, two, three].entries()) {
    said.push(`call me ${n}`);
    await chat.say(said.at(-1)!);
    for (const other of [one, two, three]) {
      await expect(other.chat.mine.locator(".bubble")).toHaveText(said);
    }
    await expect(chat.row(`Pleased to meet you, ${n}!`)).toHaveCount(1);
  }
  await accounted([one, two, three], said);
  expect(opened()).toBe(1);
});

test("the tab that has the socket is closed in the middle: another goes on, nothing is lost or doubled", async ({ page, context, parlour }) => {
  const url = `${parlour.baseURL}/chat/demo`;
  const one = await tab(context, url, page);
  const two = await tab(context, url);
  const three = await tab(context, url);
  await two.chat.say("call me One");
  await expect(three.chat.row("Pleased to meet you, One!")).toHaveCount(1);
  await Promise.all([one.page.close(), two.chat.say("call me Two"), three.chat.say("call me Three")]);
  await expect(two.chat.mine).toHaveCount(3);
  await expect(two.page.locator("article.sending")).toHaveCount(0);
  await expect(three.page.locator("article.sending")).toHaveCount(0);
  const said = await saidByVisitor(two.page);
  expect([...said].sort()).toEqual(["call me One", "call me Three", "call me Two"]);
  await expect(two.chat.row("Pleased to meet you, Three!")).toHaveCount(1);
  await expect(two.chat.row("Pleased to meet you, Two!")).toHaveCount(1);
  await accounted([two, three], said);
  await two.page.close();
  await three.chat.say("call me Four");
  await expect(three.chat.row("Pleased to meet you, Four!")).toHaveCount(1);
  await accounted([three], [...said, "call me Four"]);
});

test("a tab that has the socket and hangs loses it to one that lives", async ({ page, context, parlour }) => {
  const url = `${parlour.baseURL}/chat/demo`;
  const one = await tab(context, url, page);
  const two = await tab(context, url);
  // Nothing runs in the first tab any more, as in a frozen one; the test ends it.
  const hanging = one.page.evaluate("for (const until = performance.now() + 20_000; performance.now() < until; );").catch(() => {});
  await two.chat.say("call me One");
  await expect(two.chat.row("Pleased to meet you, One!")).toHaveCount(1);
  await accounted([two], ["call me One"]);
  await hanging;
  await expect(one.chat.row("Pleased to meet you, One!")).toHaveCount(1);
  await one.chat.say("call me Two");
  await expect(two.chat.row("Pleased to meet you, Two!")).toHaveCount(1);
  await accounted([one, two], ["call me One", "call me Two"]);
});

test("what is unsent, what failed and what was taken back is the same in all tabs", async ({ page, context, parlour }) => {
  const line = await wire(page);
  const url = `${parlour.baseURL}/chat/demo`;
  const one = await tab(context, url, page);
  const two = await tab(context, url);
  line.refuse("thanks");
  await two.chat.say("thanks");
  for (const { chat } of [one, two]) await expect(chat.mine).toContainText("Not sent");
  const three = await tab(context, url);
  await expect(three.chat.mine).toContainText("Not sent");
  line.allow();
  await three.chat.mine.getByRole("button", { name: "Retry" }).click();
  for (const { chat } of [one, two, three]) await expect(chat.row("You are welcome!")).toHaveCount(1);
  line.refuse("hello");
  await one.chat.say("hello");
  await expect(three.chat.mine.last()).toContainText("Not sent");
  await two.chat.mine.last().getByRole("button", { name: "Delete" }).click();
  for (const { chat } of [one, two, three]) await expect(chat.mine).toHaveCount(1);
  await accounted([one, two, three], ["thanks"]);
});

for (const missing of ["locks", "BroadcastChannel"]) {
  test(`two tabs in a browser without ${missing} have a socket each and show the same`, async ({ page, context, parlour }) => {
    await context.addInitScript((missing) => {
      const owner = missing === "locks" ? Navigator.prototype : window;
      Object.defineProperty(owner, missing, { value: undefined, configurable: true });
    }, missing);
    const opened = sockets(context);
    const url = `${parlour.baseURL}/chat/demo`;
    const one = await tab(context, url, page);
    const two = await tab(context, url);
    expect(opened()).toBe(2);
    await one.chat.tell("call me One");
    await expect(two.chat.row("Pleased to meet you, One!")).toHaveCount(1);
    await two.chat.tell("call me Two");
    await expect(one.chat.row("Pleased to meet you, Two!")).toHaveCount(1);
    await accounted([one, two], ["call me One", "call me Two"]);
  });
}
