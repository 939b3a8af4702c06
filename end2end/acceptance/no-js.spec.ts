// The bot's page in a browser without JavaScript: history, form, starters.
import { expect, test } from "../fixtures/test";
import { Chat } from "../fixtures/chat";

test.use({ javaScriptEnabled: false });

// Whether or not the button calls itself disabled; that is a story of its own.
const post = (chat: Chat) => chat.sendButton.click({ force: true });

test("a message is posted, answered and shown, with what was said before", async ({ page, parlour }) => {
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await chat.composer.fill("hello");
  await post(chat);
  await expect(page).toHaveURL(`${parlour.baseURL}/chat/demo`);
  await expect(chat.mine.locator(".bubble")).toHaveText("hello");
  await expect(chat.row("Nice to meet you")).toBeInViewport();
  await chat.composer.fill("first line\nsecond line");
  await post(chat);
  await expect(chat.mine.locator(".bubble")).toHaveText(["hello", "first line second line"]);
  await expect(chat.rows).toHaveCount(6);
  await expect(chat.rows.last()).toBeInViewport();
  // Loading the page anew posts nothing again.
  await page.reload();
  await expect(chat.rows).toHaveCount(6);
});

test("a starter begins the conversation, a quick reply goes on with it", async ({ page, parlour }) => {
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  const starter = page.getByRole("list", { name: "Suggestions" }).getByRole("button").first();
  const words = (await starter.innerText()).trim();
  await starter.click();
  await expect(chat.mine.locator(".bubble")).toHaveText(words);
  await chat.composer.fill("chips");
  await post(chat);
  await chat.row("Tea or coffee?").getByRole("button", { name: "Tea" }).click();
  await expect(chat.mine.last()).toContainText("Tea");
  await expect(chat.row("Tea or coffee?").getByRole("button", { name: "Coffee" })).toBeDisabled();
});

test("the send button says that it can be pressed", async ({ page, parlour }) => {
  await page.goto(`${parlour.baseURL}/chat/demo`);
  await expect(new Chat(page).sendButton).toBeEnabled();
});

test("an empty message changes nothing", async ({ page, parlour }) => {
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  await post(chat);
  await expect(page).toHaveURL(`${parlour.baseURL}/chat/demo`);
  await expect(chat.rows).toHaveCount(0);
  await expect(chat.composer).toBeVisible();
});

test("only what works without a script is offered", async ({ page, parlour }) => {
  await page.goto(`${parlour.baseURL}/chat/demo`);
  await expect(page.getByRole("button", { name: "More options" })).toBeHidden();
  await expect(new Chat(page).composer).toBeVisible();
});

test("no other site may post for the visitor", async ({ page, parlour, hostSite }) => {
  const form = `<!doctype html><form method="post" action="${parlour.baseURL}/chat/demo"><input name="text" value="owned"><button>Go</button></form>`;
  await page.goto(hostSite.serve("/", form));
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await page.getByRole("button", { name: "Go" }).click();
  expect((await answer).status()).toBe(403);
});
