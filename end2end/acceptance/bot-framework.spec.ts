// A real bot of the Microsoft 365 Agents SDK behind the widget: greeted, answered, buttons pressed, exact after a reload.
import type { Page } from "@playwright/test";
import { Agent } from "../fixtures/agent";
import { Chat, growth, history, nextChoice } from "../fixtures/chat";
import type { Parlour } from "../fixtures/parlour";
import { testApp } from "../fixtures/platform";
import { freePort } from "../fixtures/port";
import { expect, test as base } from "../fixtures/test";

const test = base.extend<{ agent: Agent; chatWith: (delivery: "replies" | "callbacks") => Promise<{ chat: Chat; parlour: Parlour }> }>({
  agent: async ({}, use) => {
    const agent = await Agent.start();
    await use(agent);
    await agent.stop();
  },
  chatWith: async ({ page, agent, startParlour }, use) => {
    await use(async (delivery) => {
      const more = `[bots.st-demo.bot_framework]\nurl = "${agent.url}"\ndelivery = "${delivery}"\n`;
      // The bot calls back, so the address has to be known before the server listens.
      const parlour = await startParlour({ config: testApp({ more }), port: await freePort() });
      await page.goto(`${parlour.baseURL}/chat/demo`);
      const chat = new Chat(page);
      await chat.online();
      await expect(chat.row("Hello, I am an echo bot.")).toHaveCount(1);
      return { chat, parlour };
    });
  },
});

// What the visitor sees after a reload is what the store holds, and what was said.
async function exact(page: Page, chat: Chat, said: string[]): Promise<void> {
  await chat.settled();
  await expect(chat.rows).toHaveCount(said.length);
  await page.reload();
  await chat.online();
  await expect(chat.rows).toHaveCount(said.length);
  const rows = await chat.rows.allInnerTexts();
  said.forEach((text, place) => expect(rows[place]).toContain(text));
  const stored = await history(page);
  expect(stored.map(({ seq }) => seq)).toEqual(said.map((_, place) => place + 1));
}

test("greeting, answers, chips and cards, in the answer to the request", async ({ page, chatWith }) => {
  const { chat } = await chatWith("replies");
  await chat.tell("good morning");
  await expect(chat.row("echo good morning")).toHaveCount(1);
  await chat.tell("menu");
  await page.getByRole("button", { name: "Coffee" }).click();
  await expect(chat.row("echo Coffee")).toHaveCount(1);
  await chat.tell("order");
  await nextChoice(page);
  await page.getByRole("button", { name: "Cancel it" }).click();
  await expect(chat.row('value {"cancel":17}')).toHaveCount(1);
  await chat.tell("flight");
  await expect(chat.row("Gate: F 3")).toHaveCount(1);
  await expect(chat.row("Part of this message cannot be shown here.")).toHaveCount(1);
  await nextChoice(page);
  await page.getByRole("button", { name: "Check in" }).click();
  await expect(chat.row('value {"flight":17}')).toHaveCount(1);
  await exact(page, chat, [
    "Hello, I am an echo bot.",
    "good morning",
    "echo good morning",
    "menu",
    "What would you like?",
    "Coffee",
    "echo Coffee",
    "order",
    "Order 17",
    "Cancel it",
    'value {"cancel":17}',
    "flight",
    "Flight OS 17",
    "Part of this message cannot be shown here.",
    "Check in",
    'value {"flight":17}',
  ]);
});

test("an answer that the bot streams grows in its bubble and is exact at its end", async ({ page, chatWith }) => {
  const { chat } = await chatWith("callbacks");
  const grown = await growth(page);
  await chat.say("stream");
  await expect(chat.row("It grows word by word.")).toHaveCount(1);
  expect(await grown()).toContainEqual(expect.stringMatching(/It grows(?!.*word\.)/));
  await expect(page.locator("article.growing")).toHaveCount(0);
  await chat.tell("thanks");
  await expect(chat.row("echo thanks")).toHaveCount(1);
  await exact(page, chat, ["Hello, I am an echo bot.", "stream", "It grows word by word.", "thanks", "echo thanks"]);
});

test("what the bot says later comes by itself, and once", async ({ page, chatWith }) => {
  const { chat } = await chatWith("replies");
  await chat.tell("remind me");
  await expect(chat.row("I will.")).toHaveCount(1);
  await expect(chat.row("Here is your reminder.")).toHaveCount(1);
  await exact(page, chat, ["Hello, I am an echo bot.", "remind me", "I will.", "Here is your reminder."]);
});

test("the bot is away for a moment, and the message is answered all the same, once", async ({ page, chatWith, agent }) => {
  const { chat, parlour } = await chatWith("replies");
  await agent.stop();
  await chat.say("are you there?");
  await chat.settled();
  await parlour.kill();
  // Before the server, which gives up in the end.
  await agent.restart();
  await parlour.launch();
  await chat.online();
  await expect(chat.row("echo are you there?")).toHaveCount(1);
  await exact(page, chat, ["Hello, I am an echo bot.", "are you there?", "echo are you there?"]);
});
