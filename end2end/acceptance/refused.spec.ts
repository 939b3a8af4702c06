// A browser that refuses all cookies, and with them every storage: the chat works as long as its page lives, and says what it
// cannot keep.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BrowserContext } from "@playwright/test";
import { Chat, wire } from "../fixtures/chat";
import { expect, test as base } from "../fixtures/test";

const test = base.extend<{ refusing: BrowserContext }>({
  // "Block all cookies", as a visitor chooses it in the settings.
  refusing: async ({ playwright, launchOptions }, use) => {
    const folder = await mkdtemp(path.join(tmpdir(), "parlour-browser-"));
    await mkdir(path.join(folder, "Default"));
    const settings = { profile: { default_content_setting_values: { cookies: 2 } } };
    await writeFile(path.join(folder, "Default", "Preferences"), JSON.stringify(settings));
    const context = await playwright.chromium.launchPersistentContext(folder, launchOptions);
    await use(context);
    await context.close();
    await rm(folder, { recursive: true, force: true });
  },
});

test("a browser that refuses cookies and storage: everything works, also with a new token, and it says what it cannot keep", async ({ refusing, parlour }) => {
  const page = await refusing.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  let token = "";
  let grants = 0;
  page.on("request", (request) => void (grants += Number(request.url().endsWith("/jwtgrant"))));
  page.on("response", async (answer) => {
    if (answer.url().endsWith("/jwtgrant")) token = (await answer.json()).authorization.accessToken;
  });
  const line = await wire(page);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  expect(await page.evaluate(() => { try { return Boolean(localStorage); } catch { return false; } })).toBe(false);
  const chat = new Chat(page);
  await chat.say("call me One");
  await expect(chat.notice).toContainText("unsent messages are lost when you reload");
  await expect(chat.row("Pleased to meet you, One!")).toHaveCount(1);
  // Who the visitor is was kept by this page alone, and it goes on with that.
  await page.route("**/rtm/start", (route) =>
    grants > 1 ? route.continue() : route.fulfill({ status: 401, json: { errors: [{ msg: "token expired", code: "TOKEN_EXPIRED" }] } }),
  );
  await line.cut();
  await chat.say("call me Two");
  await expect(chat.row("Pleased to meet you, Two!")).toHaveCount(1);
  await chat.settled();
  await expect(chat.mine.locator(".bubble")).toHaveText(["call me One", "call me Two"]);
  expect(grants).toBe(2);
  const stored = await page.request.get(`${parlour.baseURL}/api/botmessages/rtm?botId=st-demo&limit=100`, { headers: { authorization: `bearer ${token}` } });
  const { messages } = await stored.json();
  const said = messages.filter(({ type }: { type: string }) => type === "incoming");
  expect(said.map((message: any) => message.components[0].data.text)).toEqual(["call me One", "call me Two"]);
  expect(problems).toEqual([]);
});
