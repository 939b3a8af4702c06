// Before the wasm is there: what is typed and sent in the first second is neither lost nor doubled.
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/test";
import { Chat, consoleLines, history, holdWasm, saidByVisitor, standalone } from "../fixtures/chat";

const early = "#early .bubble";

test("what is typed before the wasm comes stays in the composer, with cursor and draft", async ({ page, parlour }) => {
  const lines = consoleLines(page);
  const release = await holdWasm(page);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await chat.composer.pressSequentially("half a senten");
  await chat.composer.press("ArrowLeft");
  release();
  await chat.welcomed();
  await expect(chat.composer).toHaveValue("half a senten");
  await expect(chat.composer).toBeFocused();
  expect(await chat.composer.evaluate((field: HTMLTextAreaElement) => field.selectionStart)).toBe(12);
  await expect(chat.sendButton).toHaveAttribute("aria-disabled", "false");
  expect(lines).toEqual([]);
});

test("a message sent before the wasm comes is a bubble at once, and is stored and answered once", async ({ page, parlour }) => {
  const lines = consoleLines(page);
  const release = await holdWasm(page);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await chat.say("hello");
  await expect(page.locator(early)).toHaveText("hello");
  await expect(page.locator(early)).toBeInViewport();
  await expect(chat.composer).toHaveValue("");
  await chat.say("thanks");
  await expect(page.locator(early)).toHaveText(["hello", "thanks"]);
  release();
  await chat.online();
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  await expect(page.locator(early)).toHaveCount(0);
  await expect(chat.mine.locator(".bubble")).toHaveText(["hello", "thanks"]);
  expect(await saidByVisitor(page)).toEqual(["hello", "thanks"]);
  expect(lines).toEqual([]);
});

test("it is shown again and stored once when the page is loaded anew before the wasm came", async ({ page, parlour }) => {
  const release = await holdWasm(page);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await chat.say("hello");
  await page.reload();
  await expect(page.locator(early)).toHaveText("hello");
  await page.reload();
  await expect(page.locator(early)).toHaveText("hello");
  release();
  await chat.online();
  await expect(chat.row("Nice to meet you")).toHaveCount(1);
  await page.reload();
  await chat.online();
  await expect(chat.mine).toHaveCount(1);
  await expect(page.locator(early)).toHaveCount(0);
  expect(await saidByVisitor(page)).toEqual(["hello"]);
});

test("a reload right after sending neither loses nor doubles it", async ({ page, parlour }) => {
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  for (const text of ["one", "two", "three"]) {
    await chat.say(text);
    await page.reload();
  }
  await chat.online();
  await chat.settled();
  await expect(chat.mine.locator(".bubble")).toHaveText(["one", "two", "three"]);
  await expect.poll(() => saidByVisitor(page)).toEqual(["one", "two", "three"]);
});

test("a starter pressed before the wasm comes is said", async ({ page, parlour }) => {
  const release = await holdWasm(page);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const starter = page.getByRole("list", { name: "Suggestions" }).getByRole("button").first();
  const words = (await starter.innerText()).trim();
  await starter.click();
  await expect(page.locator(early)).toHaveText(words);
  release();
  const chat = new Chat(page);
  await chat.online();
  await expect(chat.mine.locator(".bubble")).toHaveText([words]);
  await chat.settled();
  expect((await history(page)).filter(({ by }) => by === "visitor")).toHaveLength(1);
});

test("a message waits for the wasm when the network fails meanwhile, and is said once", async ({ page, parlour }) => {
  let failed = 0;
  await page.route(/\.wasm(\?|$)/, (route) => (failed++ ? route.continue() : route.abort()));
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await chat.say("hello");
  await expect(page.locator(early)).toHaveText("hello");
  await chat.online();
  await expect(chat.row("Nice to meet you")).toHaveCount(1);
  expect(failed).toBe(2);
  expect(await saidByVisitor(page)).toEqual(["hello"]);
});

test("what the tab kept is nothing to the next person that a host page names", async ({ page, parlour }) => {
  const release = await holdWasm(page);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await chat.say("of the one");
  await expect(page.locator(early)).toHaveText("of the one");
  await page.goto(`${parlour.baseURL}/chat/demo?fresh=1&lang=en`);
  await expect(page).toHaveURL(`${parlour.baseURL}/chat/demo?lang=en`);
  await expect(page.locator(early)).toHaveCount(0);
  await chat.say("of the other");
  await page.reload();
  await expect(page.locator(early)).toHaveText("of the other");
  release();
  await chat.online();
  await expect(chat.mine.locator(".bubble")).toHaveText(["of the other"]);
});

test("a draft stays when something else is said beside it", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.composer.fill("half a sentence");
  await page.getByRole("list", { name: "Suggestions" }).getByRole("button").first().click();
  await expect(chat.mine).toHaveCount(1);
  await chat.settled();
  await page.reload();
  await expect(chat.composer).toHaveValue("half a sentence");
  await chat.online();
  await chat.composer.press("Enter");
  await chat.settled();
  await page.reload();
  await chat.online();
  await expect(chat.composer).toHaveValue("");
});

test("a page that is opened with an anchor, as after the skip link, takes no focus", async ({ page, parlour }) => {
  await page.goto(`${parlour.baseURL}/chat/demo#latest`);
  const chat = new Chat(page);
  await chat.online();
  await expect(chat.composer).not.toBeFocused();
});

test("when the wasm never comes, the page still opens its menu and shows its messages", async ({ page, parlour }) => {
  await holdWasm(page);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  await page.getByRole("button", { name: "More options" }).click();
  await expect(page.getByRole("button", { name: "New conversation" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "New conversation" })).toBeHidden();
  await expect(page.getByRole("heading", { level: 2 })).toBeVisible();
});

// What this page has asked for, by the end of its address.
function asked(page: Page): (end: string) => number {
  const all: string[] = [];
  page.on("request", (request) => all.push(new URL(request.url()).pathname));
  return (end) => all.filter((path) => path.endsWith(end)).length;
}

test("assertion, grant and start are asked for while the wasm is on its way, each once", async ({ page, parlour }) => {
  const lines = consoleLines(page);
  const times = asked(page);
  const release = await holdWasm(page);
  const started = page.waitForResponse(/rtm\/start$/);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await chat.say("hello");
  expect((await started).status()).toBe(200);
  const socket = page.waitForEvent("websocket");
  release();
  expect((await socket).url()).toContain(new URL((await (await started).json()).url).search);
  await expect(chat.row("Nice to meet you")).toHaveCount(1);
  expect(["/users/sts", "/jwtgrant", "/rtm/start"].map(times)).toEqual([1, 1, 1]);
  expect(await saidByVisitor(page)).toEqual(["hello"]);
  expect(lines).toEqual([]);
});

test("a step that fails ahead is asked for again, and nothing is lost", async ({ page, parlour }) => {
  const times = asked(page);
  const release = await holdWasm(page);
  await page.route(/jwtgrant$/, (route) => route.fulfill({ status: 503, body: "{}" }), { times: 1 });
  const failed = page.waitForResponse(/jwtgrant$/);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await chat.say("hello");
  expect((await failed).status()).toBe(503);
  release();
  await expect(chat.row("Nice to meet you")).toHaveCount(1);
  await chat.settled();
  expect(["/jwtgrant", "/rtm/start"].map(times)).toEqual([2, 1]);
  expect(await saidByVisitor(page)).toEqual(["hello"]);
});

test("a second tab asks for no socket that it would not use", async ({ page, parlour }) => {
  await standalone(page, parlour);
  const second = await page.context().newPage();
  const times = asked(second);
  const release = await holdWasm(second);
  const granted = second.waitForResponse(/jwtgrant$/);
  await second.goto(`${parlour.baseURL}/chat/demo`);
  await granted;
  release();
  const chat = new Chat(second);
  await chat.say("hello");
  await expect(chat.row("Nice to meet you")).toHaveCount(1);
  expect(["/users/sts", "/jwtgrant", "/rtm/start"].map(times)).toEqual([1, 1, 0]);
});
