// Answers that grow: in one bubble, stopped by the visitor, and exact after whatever happens in the middle.
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/test";
import { announced, type Chat, history, standalone, wire } from "../fixtures/chat";

// The demo's streamed answer takes some seconds. The slow one takes half a minute: no machine is so busy that it misses
// the middle of it.
const LAST = "and this is the end.";
const WHOLE = { timeout: 60_000 };

// The browser itself writes a line for each request that fails.
test.use({ expectedProblems: ["ERR_CONNECTION", "WebSocket"] });

const growing = (chat: Chat) => chat.window.locator("article.growing");
const stopButton = (chat: Chat) => chat.window.getByRole("button", { name: "Stop answering" });

async function begun(chat: Chat, question: string): Promise<void> {
  await chat.say(question);
  await expect(growing(chat).locator(".bubble")).toContainText("word by word", WHOLE);
}

// The text of each row, as it is on the screen.
const shown = (chat: Chat) => chat.bubbles.allInnerTexts();

// The page shows what the store holds, in its order, also after a reload.
async function exact(page: Page, chat: Chat): Promise<void> {
  await chat.settled();
  await expect(growing(chat)).toHaveCount(0);
  const stored = await history(page);
  expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, at) => at + 1));
  const keys = () => chat.rows.evaluateAll((rows) => rows.map((row) => row.classList.contains("mine")));
  const place = ({ seq, behind }: { seq: number; behind?: number }) => (behind ?? seq) * 1e6 + seq;
  const order = stored.toSorted((one, other) => place(one) - place(other));
  expect(await keys()).toEqual(order.map(({ by }) => by === "visitor"));
  const before = await shown(chat);
  await page.reload();
  await chat.online();
  expect(await shown(chat)).toEqual(before);
}

test("an answer grows in one bubble, is drawn as it grows and told once at its end", async ({ page, parlour, expectAccessible }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  const told = await announced(page);
  await begun(chat, "stream slowly");
  const row = growing(chat);
  await expect(row).toHaveCount(1);
  await expect(row).toHaveAttribute("aria-busy", "true");
  await expect(row.locator("strong")).toHaveText("word by word");
  const element = await row.elementHandle();
  const early = (await row.innerText()).length;
  await expect(row.locator("li")).not.toHaveCount(0, WHOLE);
  // In the middle of it: nothing is told, and it can be stopped.
  line.hold("bot_response");
  expect((await row.innerText()).length).toBeGreaterThan(early);
  await expect(row).toHaveCount(1);
  expect(told.filter((text) => text.includes("word by word"))).toEqual([]);
  await expect(stopButton(chat)).toBeVisible();
  await expectAccessible(page);
  await expect(row).toHaveCount(1);
  line.release();
  await expect(growing(chat)).toHaveCount(0, WHOLE);
  await expect(chat.row(LAST)).toHaveCount(1);
  await expect(stopButton(chat)).toHaveCount(0);
  // The same element from its first word to its last.
  expect(await element!.evaluate((row) => row.isConnected && row.textContent)).toContain(LAST);
  expect(await element!.getAttribute("aria-busy")).not.toBe("true");
  await expect.poll(() => told.filter((text) => text.includes(LAST))).toHaveLength(1);
  expect((await history(page)).filter(({ text }) => text.includes("word by word"))).toHaveLength(1);
  await exact(page, chat);
});

test("it is stopped by keyboard, kept as far as it came and marked, and the bot says no more", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  const told = await announced(page);
  await begun(chat, "stream slowly");
  await chat.composer.focus();
  await page.keyboard.press("Tab");
  await expect(stopButton(chat)).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(growing(chat)).toHaveCount(0);
  const row = chat.row("word by word");
  await expect(row).toContainText("Stopped");
  await expect(row).not.toContainText(LAST);
  await expect(chat.composer).toBeFocused();
  await expect.poll(() => told.at(-1)).toMatch(/^This answer [^]*\nStopped$/);
  await chat.tell("thanks");
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  const stored = (await history(page)).find(({ text }) => text.includes("word by word"))!;
  expect(stored.text).not.toContain("`end`");
  await exact(page, chat);
  await expect(row).toContainText("Stopped");
});

test("another window of the visitor shows it and stops it", async ({ page, context, parlour }) => {
  const chat = await standalone(page, parlour);
  const other = await standalone(await context.newPage(), parlour);
  await begun(chat, "stream slowly");
  await expect(growing(other)).toContainText("word by word");
  await stopButton(other).click();
  for (const window of [chat, other]) {
    await expect(growing(window)).toHaveCount(0);
    await expect(window.row("word by word")).toContainText("Stopped");
  }
  expect(await shown(other)).toEqual(await shown(chat));
});

test("cut in the middle, it goes on in its bubble and is exact in the page and in the store", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  await begun(chat, "stream slowly");
  for (let cuts = 1; cuts <= 2; cuts++) {
    const before = line.opened();
    await line.cut();
    await expect(chat.row("word by word")).toHaveCount(1);
    await expect.poll(line.opened).toBeGreaterThan(before);
    await chat.online();
    await expect(growing(chat)).toHaveCount(1);
  }
  await expect(chat.row(LAST)).toHaveCount(1, WHOLE);
  await expect(chat.row("word by word")).toHaveCount(1);
  await exact(page, chat);
});

test("reloaded in the middle, it goes on and is there once", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await begun(chat, "stream slowly");
  await page.reload();
  await chat.online();
  await expect(growing(chat)).toHaveCount(1);
  await expect(growing(chat)).toContainText("This answer comes word by word");
  await expect(chat.row(LAST)).toHaveCount(1, WHOLE);
  await expect(chat.row("word by word")).toHaveCount(1);
  await exact(page, chat);
});

test("a server that crashes in the middle answers again, in the same bubble", async ({ page, startParlour }) => {
  const parlour = await startParlour();
  const chat = await standalone(page, parlour);
  await begun(chat, "stream");
  await parlour.restart("kill");
  await expect(chat.row(LAST)).toHaveCount(1, WHOLE);
  await expect(chat.row("word by word")).toHaveCount(1);
  await exact(page, chat);
});

test("what is said meanwhile stands below the answer that grows and stays there, on every session and after a reload", async ({ page, context, parlour }) => {
  const chat = await standalone(page, parlour);
  const other = await standalone(await context.newPage(), parlour);
  await begun(chat, "stream");
  await chat.say("stream slowly");
  await chat.settled();
  const mine = (chat: Chat) => chat.rows.evaluateAll((rows) => rows.slice(2).map((row) => row.classList.contains("mine")));
  for (const window of [chat, other]) await expect.poll(() => mine(window)).toEqual([true, false, true]);
  // The second begins when the first is whole.
  await expect(chat.window.locator("article:not(.growing)").filter({ hasText: LAST })).toHaveCount(1, WHOLE);
  await expect(growing(chat)).toContainText("word by word", WHOLE);
  await stopButton(chat).click();
  await expect(growing(chat)).toHaveCount(0);
  for (const window of [chat, other]) {
    const texts = async () => (await shown(window)).slice(2).map((text) => text.slice(0, 12));
    await expect.poll(texts).toEqual(["stream", "This answer ", "stream slowl", "This answer "]);
  }
  await expect(chat.row("word by word").first()).toContainText(LAST);
  await expect(chat.row("word by word").last()).not.toContainText(LAST);
  await exact(page, chat);
});
