// A connection that breaks: what the visitor sees of it, and that nothing is lost or doubled.
import { expect, test } from "../fixtures/test";
import { history, saidByVisitor, standalone, wire } from "../fixtures/chat";
import { stopClock } from "../fixtures/clock";

// The browser itself writes a line for each request that fails.
test.use({ expectedProblems: ["ERR_CONNECTION", "WebSocket"] });

test("a killed server is noticed, what is typed meanwhile is sent once when it is back", async ({ page, startParlour }) => {
  const parlour = await startParlour();
  const chat = await standalone(page, parlour);
  await chat.tell("hello");
  await expect(chat.row("Nice to meet you")).toBeVisible();
  await parlour.kill();
  await expect(chat.notice).toHaveText("Reconnecting…");
  await expect(page.locator("header .dot.online")).toHaveCount(0);
  await expect(chat.row("Nice to meet you")).toBeVisible();
  await expect(chat.composer).toBeEnabled();
  await chat.say("my name is Ada");
  await chat.say("thanks");
  await expect(chat.mine.filter({ hasText: "Ada" })).toContainText("Sending…");
  await parlour.launch();
  await chat.online();
  await expect(chat.notice).toHaveCount(0);
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  await expect(chat.row("Pleased to meet you, Ada!")).toHaveCount(1);
  await chat.settled();
  await expect(chat.mine.locator(".bubble")).toHaveText(["hello", "my name is Ada", "thanks"]);
  // One welcome only: the session goes on.
  await expect(chat.row("I am the Parlour demo bot")).toHaveCount(1);
  expect(await saidByVisitor(page)).toEqual(["hello", "my name is Ada", "thanks"]);
  const shown = await chat.rows.count();
  expect(await history(page)).toHaveLength(shown);
});

test("what was typed while the server was away is kept over a reload of the page's tab", async ({ page, startParlour }) => {
  const parlour = await startParlour();
  const chat = await standalone(page, parlour);
  await parlour.kill();
  await chat.say("thanks");
  await chat.composer.fill("and a draft");
  await expect(chat.mine).toContainText("Sending…");
  await parlour.launch();
  await page.reload();
  await chat.online();
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  await expect(chat.composer).toHaveValue("and a draft");
  expect(await saidByVisitor(page)).toEqual(["thanks"]);
});

test("a socket cut five times loses and doubles nothing", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  const said: string[] = [];
  for (let n = 1; n <= 5; n++) {
    said.push(`call me ${n}`);
    await chat.say(`call me ${n}`);
    const before = line.opened();
    await line.cut();
    await expect.poll(line.opened).toBeGreaterThan(before);
    await chat.online();
  }
  await expect(chat.row("Pleased to meet you, 5!")).toHaveCount(1);
  await chat.settled();
  await expect(chat.mine.locator(".bubble")).toHaveText(said);
  for (const n of said.keys()) await expect(chat.row(`Pleased to meet you, ${n + 1}!`)).toHaveCount(1);
  expect(await saidByVisitor(page)).toEqual(said);
  await expect(chat.row("I am the Parlour demo bot")).toHaveCount(1);
  expect(await history(page)).toHaveLength(await chat.rows.count());
});

test("a short break is nobody's business", async ({ page, parlour }) => {
  await page.clock.install();
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  await page.evaluate(() => {
    (window as any).noticed = 0;
    new MutationObserver(() => document.querySelector(".notice") && (window as any).noticed++).observe(document.body, { childList: true, subtree: true });
  });
  // However long it takes here, by the page's clock it is short.
  await stopClock(page);
  await line.cut();
  await expect(page.locator("header .dot.online")).toHaveCount(0);
  const back = async () => {
    await page.clock.runFor(50);
    return page.locator("header .dot.online").isVisible();
  };
  await expect.poll(back).toBe(true);
  expect(line.opened()).toBeGreaterThan(1);
  expect(await page.evaluate("noticed")).toBe(0);
});

test("a browser without network says so at once, and goes on when it is back", async ({ page, parlour, context }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  await context.setOffline(true);
  await line.cut();
  await expect(chat.notice).toContainText("No connection. Messages will be sent when you are back online.");
  await expect(chat.notice.getByRole("button", { name: "Retry now" })).toBeVisible();
  await expect(page.locator("header .status")).toHaveText("Offline");
  await chat.say("thanks");
  await context.setOffline(false);
  await chat.online();
  await expect(chat.notice).toHaveCount(0);
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  expect(await saidByVisitor(page)).toEqual(["thanks"]);
});

test("a refused message is marked, kept over a reload, and goes out again or away", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  line.refuse("thanks");
  await chat.say("thanks");
  const failed = chat.mine.filter({ hasText: "thanks" });
  await expect(failed).toContainText("Not sent");
  await expect(failed).not.toContainText("Sent");
  await page.reload();
  await chat.online();
  await expect(failed).toContainText("Not sent");
  line.allow();
  await failed.getByRole("button", { name: "Retry" }).click();
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  await expect(failed).toContainText("Sent");
  expect(await saidByVisitor(page)).toEqual(["thanks"]);
});

test("two windows of one visitor show the same conversation", async ({ page, context, parlour }) => {
  const chat = await standalone(page, parlour);
  const other = await standalone(await context.newPage(), parlour);
  await chat.say("call me Ada");
  await expect(other.mine.locator(".bubble")).toHaveText(["call me Ada"]);
  await expect(other.row("Pleased to meet you, Ada!")).toHaveCount(1);
  await other.say("thanks");
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  await expect(chat.mine.locator(".bubble")).toHaveText(["call me Ada", "thanks"]);
});
