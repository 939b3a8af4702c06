// Lists, carousels, tables and forms: drawn by parts of the wasm that come when they are needed.
import { Chat, standalone } from "../fixtures/chat";
import { expect, test } from "../fixtures/test";

test("a carousel is turned over, chosen from by its own payload, and a record after a reload", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("carousel");
  const cards = page.getByRole("listitem").filter({ hasText: /Lisbon|Oslo|Kyoto/ });
  await expect(cards).toHaveCount(3);
  await expect(cards.nth(1)).toContainText("2 / 3");
  const deck = page.locator("article ul");
  const left = () => deck.evaluate((deck) => deck.scrollLeft);
  await page.getByRole("button", { name: "Next" }).click();
  await expect.poll(left).toBeGreaterThan(50);
  await page.getByRole("button", { name: "Previous" }).click();
  await expect.poll(left).toBeLessThan(50);
  await page.getByRole("button", { name: "Choose Oslo" }).click();
  await expect(chat.mine.last()).toContainText("Choose Oslo");
  await expect(chat.row("Oslo: a good choice.")).toBeVisible();
  await expect(page.locator(".chosen")).toHaveText(/Choose Oslo/);
  await page.reload();
  await expect(page.locator(".chosen")).toHaveText(/Choose Oslo/);
});

test("the cards of a list stand below each other and their buttons send what they stand for", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("list");
  await expect(chat.row("Your accounts")).toBeVisible();
  await page.getByRole("listitem").filter({ hasText: "Current" }).getByRole("button").click();
  await expect(chat.row("Current: a good choice.")).toBeVisible();
});

test("a table is a table, with heads and rows", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("table");
  const table = page.getByRole("table");
  await expect(table.getByRole("columnheader")).toHaveText(["Name", "Qty"]);
  await expect(table.getByRole("row").last().getByRole("cell")).toHaveText(["Ink", "1"]);
});

test("a form keeps what is written in it whatever happens around it, and sends it masked once", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("form");
  const pin = page.getByLabel("PIN");
  await pin.fill("1234");
  await pin.evaluate((input) => ((window as any).before = input));
  // Neighbours come, and the clock passes over all rows.
  await chat.tell("hello");
  await expect(chat.rows.last()).not.toHaveClass(/mine/);
  await expect(pin).toHaveValue("1234");
  expect(await pin.evaluate((input) => (window as any).before === input)).toBe(true);
  await page.getByRole("button", { name: "Ok" }).click();
  await expect(chat.mine.last().locator(".bubble")).toHaveText("****");
  await chat.settled();
});

test("a form that was sent is a record, also after a reload", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("form");
  const form = chat.row("Log in");
  await form.getByLabel("PIN").fill("Sesame");
  await form.getByLabel("PIN").press("Enter");
  await expect(form.locator("dd")).toHaveText("******");
  await expect(form.locator("input")).toHaveCount(0);
  await chat.settled();
  await page.reload();
  await expect(form.locator("dd")).toHaveText("******");
  // Nothing of what the visitor said holds it; the demo bot repeats what it does not understand.
  const settings = JSON.parse((await page.locator("#settings").textContent())!);
  const said = settings.entries.filter((entry: { author: string }) => entry.author === "Visitor");
  expect(said).toHaveLength(2);
  expect(JSON.stringify(said)).not.toContain("Sesame");
});

test("an empty field is said so by the browser, and nothing is sent", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("form");
  const said = await chat.mine.count();
  await page.getByRole("button", { name: "Ok" }).click();
  await expect(page.getByLabel("PIN")).toBeFocused();
  await expect(chat.mine).toHaveCount(said);
});

test("a part that does not load is said so, and comes when it is asked for again", async ({ page, parlour }) => {
  let refused = 0;
  await page.route(/split_cards.*\.wasm/, (route) => (refused++ ? route.continue() : route.fulfill({ status: 503, body: "" })));
  const chat = await standalone(page, parlour);
  await chat.tell("table");
  await expect(page.getByText("This could not be shown.")).toBeVisible();
  await expect(chat.row("Stock")).toBeVisible();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("columnheader")).toHaveCount(2);
});

test("the words stand there while a part is on its way", async ({ page, parlour }) => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  await page.route(/split_form.*\.wasm/, async (route) => {
    await gate;
    await route.continue();
  });
  const chat = await standalone(page, parlour);
  await chat.tell("form");
  await expect(chat.row("Log in").getByRole("img", { name: "Loading" })).toBeVisible();
  release();
  await expect(page.getByLabel("PIN")).toBeVisible();
});

test("the first page holds what the parts draw, before they are there and without a script", async ({ page, parlour, browser }) => {
  const chat = await standalone(page, parlour);
  for (const kind of ["table", "carousel", "form"]) await chat.tell(kind);
  await expect(page.getByLabel("PIN")).toBeVisible();
  const state = await page.context().storageState();
  const plain = await browser.newContext({ javaScriptEnabled: false, storageState: state });
  const still = await plain.newPage();
  await still.goto(`${parlour.baseURL}/chat/demo`);
  await expect(still.getByRole("columnheader")).toHaveCount(2);
  await expect(still.getByRole("listitem").filter({ hasText: "Oslo" })).toBeVisible();
  await expect(still.getByLabel("PIN")).toBeVisible();
  await plain.close();
  // The browser takes over the very elements that the server wrote.
  const parts: string[] = [];
  page.on("response", (response) => void (response.url().includes("split_") && parts.push(response.url())));
  await page.addInitScript(() => addEventListener("DOMContentLoaded", () => ((window as any).first = document.querySelector("table"))));
  await page.reload();
  await new Chat(page).online();
  await page.getByLabel("PIN").fill("12");
  await expect.poll(() => parts.length).toBeGreaterThan(1);
  expect(await page.evaluate(() => (window as any).first === document.querySelector("table"))).toBe(true);
  await expect(page.getByLabel("PIN")).toHaveValue("12");
});
