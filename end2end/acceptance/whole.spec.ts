// The whole conversation, as the visitor takes it along: as a file, and on paper.
import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { type Chat, standalone, wire } from "../fixtures/chat";
import { expect, test } from "../fixtures/test";

test.use({ timezoneId: "Asia/Kolkata", locale: "en-GB", expectedProblems: ["ERR_FAILED"] });

const SAID = 13;

// A conversation of three pages of the server's, of which the window holds the newest only.
async function long(page: Page, chat: Chat): Promise<void> {
  await page.route("**/botmessages/rtm?*limit=100*", (route) => route.continue({ url: route.request().url().replace("limit=100", "limit=10") }));
  for (let n = 1; n <= SAID; n++) await chat.say(`call me ${n}.`);
  await chat.settled();
  await expect(chat.row(`Pleased to meet you, ${SAID}`)).toHaveCount(1);
  await page.reload();
  await chat.online();
  await expect(chat.row("Where shall we start?")).toHaveCount(0);
}

async function choose(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "More options" }).click();
  await page.getByRole("button", { name }).click();
  await expect(page.getByRole("button", { name })).toBeHidden();
}

async function saved(page: Page): Promise<string> {
  const download = page.waitForEvent("download");
  await choose(page, "Download transcript");
  const file = await download;
  expect(file.suggestedFilename()).toBe("chat.txt");
  return readFile(await file.path(), "utf8");
}

const LINE = /^\d{4}-\d\d-\d\d \d\d:\d\d {2}/gm;

function expectAll(text: string): void {
  // Two greetings, and what was said with its answers.
  expect(text.match(LINE)).toHaveLength(2 + 2 * SAID);
  const names = [...text.matchAll(/You: call me (\d+)\./g)].map(([, n]) => Number(n));
  expect(names).toEqual(Array.from({ length: SAID }, (_, n) => n + 1));
  expect(text).toContain("Parlour: Hello! I am the Parlour demo bot.");
  expect(text).toContain("\n    [Show me a picture]");
}

test("all of it is saved, with names, local times and their zone, and what was not sent", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  const hour = () => page.evaluate(() => new Date().toLocaleString("sv").slice(0, 13));
  const before = await hour();
  await long(page, chat);
  const text = await saved(page);
  expect(text.split("\n")[0]).toBe("Conversation with Parlour");
  expect(text).toMatch(/^Time zone: (Asia\/Kolkata|Asia\/Calcutta) \(UTC\+05:30\)$/m);
  expectAll(text);
  expect(text).toMatch(new RegExp(`^(${before}|${await hour()}).*You: call me 1\\.$`, "m"));
  expect(text).not.toContain("missing");
  line.refuse("lost");
  await chat.say("lost");
  await expect(page.locator("article.failed")).toBeVisible();
  expect(await saved(page)).toMatch(/You \(Not sent\): lost\n$/);
});

test("a platform that does not count is read as far as its history goes, and what is missing is said", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await long(page, chat);
  let refuses = false;
  await page.route("**/botmessages/rtm?*", async (route) => {
    const url = route.request().url().replace("limit=100", "limit=10");
    if (refuses && url.includes("offset")) return route.fulfill({ status: 403, json: { errors: [{ msg: "No.", code: 1 }] } });
    const answer = await route.fetch({ url });
    const page = await answer.json();
    delete page.lastSeq;
    for (const message of page.messages) delete message.seq;
    return route.fulfill({ json: page });
  });
  expectAll(await saved(page));
  refuses = true;
  const text = await saved(page);
  expect(text).toContain("Earlier messages are missing here.");
  expect(text.match(LINE)!.length).toBeGreaterThanOrEqual(10);
});

test("a server that does not give it is asked again, then the visitor is told", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  let asked = 0;
  await page.route("**/botmessages/rtm?*", (route) => (asked++, route.abort()));
  await choose(page, "Download transcript");
  await expect(chat.notice).toHaveText("Loading the whole conversation…");
  await expect(chat.notice).toHaveText("The conversation could not be loaded. Please try again.", { timeout: 60_000 });
  expect(asked).toBe(5);
  await page.unroute("**/botmessages/rtm?*");
  expect(await saved(page)).toContain("Parlour: Hello!");
});

// What stands on paper without any background, and how well it can be read there.
const contrasts = (page: Page) =>
  page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
    const luminance = (colour: string) => {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const texts = document.createTreeWalker(document.querySelector("main")!, NodeFilter.SHOW_TEXT);
    const found: [string, number][] = [];
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement!;
      const words = texts.currentNode.textContent!.trim();
      if (words && element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) {
        found.push([words, 1.05 / (luminance(getComputedStyle(element).color) + 0.05)]);
      }
    }
    return found;
  });

for (const colorScheme of ["light", "dark"] as const) {
  test(`on paper are names, dates and words that need no ground, from a ${colorScheme} screen`, async ({ page, parlour }) => {
    await page.emulateMedia({ colorScheme });
    const chat = await standalone(page, parlour);
    await chat.tell("markup");
    await expect(chat.row("A heading").last()).toBeVisible();
    await page.emulateMedia({ colorScheme, media: "print" });
    for (const [words, contrast] of await contrasts(page)) expect(contrast, words).toBeGreaterThanOrEqual(4.5);
    await expect(chat.mine.locator(".bubble")).toHaveCSS("background-color", "rgba(0, 0, 0, 0)");
    for (const name of ["You said:", "Parlour said:"]) {
      const box = await page.getByText(name).first().boundingBox();
      expect(box!.width, name).toBeGreaterThan(40);
    }
    const year = String(await page.evaluate(() => new Date().getFullYear()));
    const times = await page.locator("time").evaluateAll((times) => times.map((time) => time.getAttribute("title")));
    for (const time of times) expect(time).toContain(year);
    await expect(page.locator("time").first()).toBeVisible();
    expect(await page.locator("time").first().evaluate((time) => getComputedStyle(time, "::after").content)).toContain(year);
    // Also of a row whose time the screen shows only under the pointer.
    for (const meta of await page.locator(".meta").all()) await expect(meta).toHaveCSS("opacity", "1");
    await expect(page.locator("form, header .actions").filter({ visible: true })).toHaveCount(0);
  });
}

test("the whole conversation is printed from the menu", async ({ page, parlour }) => {
  await page.addInitScript(() => {
    (window as any).printed = [];
    window.print = () => (window as any).printed.push(document.querySelectorAll("article").length);
  });
  const chat = await standalone(page, parlour);
  await long(page, chat);
  await page.emulateMedia({ media: "print" });
  await expect(page.getByText("Earlier messages are missing here.")).toBeVisible();
  await page.emulateMedia({ media: "screen" });
  await choose(page, "Print");
  await expect.poll(() => page.evaluate("printed")).toEqual([2 + 2 * SAID]);
  await page.emulateMedia({ media: "print" });
  await expect(page.getByText("Earlier messages are missing here.")).toHaveCount(0);
  // The pages of a browser that prints.
  const paper = await page.pdf({ format: "A4" });
  const pages = paper.toString("latin1").match(/\/Type \/Page\b/g)!.length;
  expect(pages).toBeGreaterThan(1);
});
