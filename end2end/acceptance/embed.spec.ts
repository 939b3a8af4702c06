// The chat on a customer's website: another origin, one script tag, the real server.
import { randomBytes } from "node:crypto";
import type { Frame, Page } from "@playwright/test";
import { expect, test } from "../fixtures/test";
import { type Chat, consoleLines, holdWasm, saidByVisitor } from "../fixtures/chat";
import { chatIn, launcherButton, openByHand, openShadows, shop, visit } from "../fixtures/embed";
import { frameOf } from "../fixtures/frame";
import { launcher, press } from "../fixtures/stage";

const inFrame = (chat: Chat) => saidByVisitor(chat.window as Frame);

test.beforeEach(({ page }) => openShadows(page));

test("a visitor opens the chat, is greeted, asks and is answered", async ({ page, hostSite, parlour }) => {
  const lines = consoleLines(page);
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await expect(chat.composer).toBeFocused();
  await expect(page.getByRole("dialog")).toHaveAttribute("aria-label", "Parlour");
  await expect(page.getByRole("dialog")).toHaveAttribute("aria-modal", "false");
  await expect(chat.row("Where shall we start?")).toBeVisible();
  await page.keyboard.type("hello");
  await page.keyboard.press("Enter");
  await expect(chat.row("Nice to meet you")).toBeVisible();
  expect(await inFrame(chat)).toEqual(["hello"]);
  expect(lines).toEqual([]);
});

test("what is typed right after the click on the launcher is not lost", async ({ page, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  await press(page);
  const chat = await chatIn(page, parlour);
  await expect(chat.composer).toBeFocused();
  await page.keyboard.type("thanks");
  await page.keyboard.press("Enter");
  await chat.online();
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  expect(await inFrame(chat)).toEqual(["thanks"]);
});

test("Escape closes the window from anywhere in it and gives the focus back to the launcher", async ({ page, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  await page.getByRole("textbox", { name: "Search" }).focus();
  await page.keyboard.press("Tab");
  await expect(launcherButton(page)).toBeFocused();
  await page.keyboard.press("Enter");
  const chat = await chatIn(page, parlour);
  await chat.welcomed();
  await expect(launcherButton(page)).toHaveAttribute("aria-expanded", "true");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(launcherButton(page)).toBeFocused();
  await expect(launcherButton(page)).toHaveAttribute("aria-expanded", "false");
  await page.keyboard.press("Space");
  await expect(page.getByRole("dialog")).toBeVisible();
  // An open menu takes the first Escape.
  await chat.window.getByRole("button", { name: "More options" }).click();
  await page.keyboard.press("Escape");
  await expect(chat.window.getByRole("button", { name: "New conversation" })).toBeHidden();
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("the close button of the window closes it", async ({ page, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await chat.window.getByRole("button", { name: "Close chat" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(launcherButton(page)).toBeFocused();
});

test("an answer while the window is closed is counted on the launcher, previewed, and marked when it is opened", async ({ page, context, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await chat.welcomed();
  // The same visitor on another page of the shop, who does not look there any more.
  const other = await context.newPage();
  await openShadows(other);
  await other.addInitScript(() => Object.defineProperty(Document.prototype, "visibilityState", { get: () => "hidden" }));
  await visit(other, shop(hostSite, parlour));
  const there = await openByHand(other, parlour);
  await page.bringToFront();
  await press(page);
  await expect(page.getByRole("dialog")).toBeHidden();
  await there.say("several");
  await expect(page.getByRole("button", { name: "Open chat, 3 unread" })).toBeVisible();
  await expect(page.locator(".badge")).toHaveText("3");
  await expect(page.locator(".preview")).toContainText("and the last.");
  await press(page);
  await expect(chat.row("This is the first of three,")).toContainText("New messages");
  await expect(page.getByRole("button", { name: "Close chat", exact: true })).toBeVisible();
  await expect(page.locator(".badge")).toBeHidden();
});

test("what is read on one page of the shop is not counted on another", async ({ page, context, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await chat.welcomed();
  await press(page);
  await expect(page.getByRole("dialog")).toBeHidden();
  const other = await context.newPage();
  await openShadows(other);
  await visit(other, shop(hostSite, parlour));
  const there = await openByHand(other, parlour);
  await there.say("several");
  await expect(there.row("and the last.")).toBeVisible();
  await expect(chat.row("and the last.")).toHaveCount(1);
  await expect(launcherButton(page)).toHaveAccessibleName("Open chat");
  await expect(page.locator(".badge")).toBeHidden();
});

test("what came while nobody looked is not counted any more when another page of the shop opens the chat", async ({ page, context, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await chat.welcomed();
  await press(page);
  await expect(page.getByRole("dialog")).toBeHidden();
  await chat.composer.evaluate((field: HTMLTextAreaElement) => {
    field.value = "several";
    field.form!.requestSubmit();
  });
  await expect(page.locator(".badge")).toHaveText("3");
  const other = await context.newPage();
  await openShadows(other);
  await visit(other, shop(hostSite, parlour));
  // It has all of it from the server, so nothing arrives there.
  const there = await openByHand(other, parlour);
  await expect(there.row("and the last.")).toBeVisible();
  await expect(page.locator(".badge")).toBeHidden();
  await expect(launcherButton(page)).toHaveAccessibleName("Open chat");
});

test("a greeting in a window that was closed meanwhile shows its words, not its markup", async ({ page, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  await page.evaluate(() => (window as any).Parlour.send("hello"));
  await expect(page.locator(".preview")).toBeVisible();
  await expect(page.locator(".preview")).not.toContainText("*");
});

test("visitor and open window are kept over the pages of a site", async ({ page, hostSite, parlour }) => {
  shop(hostSite, parlour, { at: "/second" });
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await chat.tell("call me Ada");
  await expect(chat.row("Pleased to meet you, Ada!")).toBeVisible();
  await chat.composer.fill("half a sentence");
  await page.getByRole("link", { name: "Second page" }).click();
  await page.waitForURL(`${hostSite.origin}/second`);
  const again = await chatIn(page, parlour);
  await again.online();
  await expect(page.getByRole("dialog")).toBeVisible();
  await expect(again.mine.locator(".bubble")).toHaveText(["call me Ada"]);
  await expect(again.row("I am the Parlour demo bot")).toHaveCount(1);
  await expect(again.composer).toHaveValue("half a sentence");
  await again.window.getByRole("button", { name: "Close chat" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.goBack();
  await page.locator("[data-parlour]").waitFor({ state: "attached" });
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("the first HTML of the frame holds what a returning visitor said", async ({ page, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await chat.tell("call me Ada");
  await holdWasm(page);
  await page.reload();
  const again = await chatIn(page, parlour);
  await expect(again.mine.locator(".bubble")).toHaveText(["call me Ada"]);
});

test("a strict policy of the host is kept", async ({ page, hostSite, parlour }) => {
  const policy = `default-src 'none'; script-src ${parlour.baseURL}; frame-src ${parlour.baseURL}; require-trusted-types-for 'script'; trusted-types 'none'`;
  const head = `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
  await visit(page, shop(hostSite, parlour, { head }));
  const chat = await openByHand(page, parlour);
  await chat.tell("hello");
  await expect(chat.row("Nice to meet you")).toBeVisible();
});

test("calls of the host reach the chat", async ({ page, hostSite, parlour }) => {
  await page.addInitScript(() => {
    (window as any).heard = [];
    const hear = (name: string) => (detail: object) => (window as any).heard.push([name, Object.keys(detail ?? {})]);
    const listen = (api: any) => ["open", "close", "message:sent", "message:received"].forEach((name) => api.on(name, hear(name)));
    (window as any).Parlour = { q: [listen, ["prefill", "I have a question"]] };
  });
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await expect(chat.composer).toHaveValue("I have a question");
  await page.evaluate(() => (window as any).Parlour.send("hello"));
  await expect(chat.row("Nice to meet you")).toBeVisible();
  expect(await inFrame(chat)).toEqual(["hello"]);
  await expect.poll(() => page.evaluate("heard")).toContainEqual(["message:sent", ["id"]]);
  await expect.poll(() => page.evaluate("heard")).toContainEqual(["message:received", ["id"]]);
  await page.evaluate(() => (window as any).Parlour.setTheme("dark"));
  await expect(chat.window.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.evaluate(() => (window as any).Parlour.setLocale("de"));
  const german = await frameOf(page, parlour.baseURL);
  await expect(german.getByRole("textbox", { name: "Nachricht" })).toBeVisible();
});

test.describe("text that the page sets", () => {
  const prefill = (page: Page, text: string) => page.evaluate((text) => (window as any).Parlour.prefill(text), text);

  test("goes below what the visitor wrote, once, with the cursor where it was, and a later one takes its place", async ({ page, hostSite, parlour }) => {
    await visit(page, shop(hostSite, parlour));
    const chat = await openByHand(page, parlour);
    await prefill(page, "About order 1");
    await expect(chat.composer).toHaveValue("About order 1");
    await prefill(page, "About order 2");
    await expect(chat.composer).toHaveValue("About order 2");
    await chat.composer.fill("My own");
    await prefill(page, "About order 3");
    await expect(chat.composer).toHaveValue("My own\nAbout order 3");
    await page.keyboard.type(" words");
    await expect(chat.composer).toHaveValue("My own words\nAbout order 3");
    await prefill(page, "About order 4");
    await prefill(page, "About order 4");
    await expect(chat.composer).toHaveValue("My own words\nAbout order 4");
    // On the next page, too.
    await page.reload();
    const again = await chatIn(page, parlour);
    await again.online();
    await expect(again.composer).toHaveValue("My own words\nAbout order 4");
    await prefill(page, "About order 4");
    await prefill(page, "About order 5");
    await expect(again.composer).toHaveValue(/^My own words\n/);
  });

  test("is not kept as if the visitor had written it", async ({ page, hostSite, parlour }) => {
    await visit(page, shop(hostSite, parlour));
    const chat = await openByHand(page, parlour);
    await prefill(page, "About order 1");
    await expect(chat.composer).toHaveValue("About order 1");
    await page.reload();
    const again = await chatIn(page, parlour);
    await again.online();
    await prefill(page, "About order 2");
    await expect(again.composer).toHaveValue("About order 2");
  });

  test("waits while a word is composed, and does not break it", async ({ page, hostSite, parlour }) => {
    await visit(page, shop(hostSite, parlour));
    const chat = await openByHand(page, parlour);
    await expect(chat.composer).toBeFocused();
    const keyboard = await page.context().newCDPSession(page);
    await keyboard.send("Input.imeSetComposition", { text: "か", selectionStart: 1, selectionEnd: 1 });
    await prefill(page, "About order 1");
    // The frame has heard it when it has heard what was said after it.
    await page.evaluate(() => (window as any).Parlour.setTheme("dark"));
    await expect(chat.window.locator("html")).toHaveAttribute("data-theme", "dark");
    await keyboard.send("Input.imeSetComposition", { text: "かん", selectionStart: 2, selectionEnd: 2 });
    await expect(chat.composer).toHaveValue("かん");
    await keyboard.send("Input.insertText", { text: "漢" });
    await expect(chat.composer).toHaveValue("漢\nAbout order 1");
    await page.keyboard.type("字");
    await expect(chat.composer).toHaveValue("漢字\nAbout order 1");
  });

  test("leaves alone what waits to be sent", async ({ page, hostSite, parlour }) => {
    const release = await holdWasm(page);
    await visit(page, shop(hostSite, parlour));
    await press(page);
    const chat = await chatIn(page, parlour);
    await expect(chat.composer).toBeFocused();
    await page.keyboard.type("thanks");
    await page.keyboard.press("Enter");
    await prefill(page, "About order 1");
    await page.keyboard.type("half");
    release();
    await expect(chat.row("You are welcome!")).toHaveCount(1);
    await expect(chat.composer).toHaveValue("half\nAbout order 1");
    expect(await inFrame(chat)).toEqual(["thanks"]);
  });
});

test("a draft and what is typed before the chat is alive are both kept", async ({ page, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await chat.composer.fill("half a sentence");
  await press(page);
  // Before the reload: the pointer is on the launcher, so the frame is fetched at once.
  const release = await holdWasm(page);
  await page.reload();
  await press(page);
  await page.keyboard.type("and more");
  const again = await chatIn(page, parlour);
  await expect(again.composer).toHaveValue("and more");
  release();
  await again.online();
  await expect(again.composer).toHaveValue("half a sentence\nand more");
  await page.keyboard.type("!");
  await expect(again.composer).toHaveValue("half a sentence\nand more!");
});

test("a page that wants no preview is told no word and no name", async ({ page, context, hostSite, parlour }) => {
  await page.addInitScript(() => {
    (window as any).told = [];
    addEventListener("message", ({ data }) => (window as any).told.push(data));
  });
  await visit(page, shop(hostSite, parlour, { attributes: 'data-preview="off"' }));
  const chat = await openByHand(page, parlour);
  await chat.welcomed();
  const other = await context.newPage();
  await openShadows(other);
  await other.addInitScript(() => Object.defineProperty(Document.prototype, "visibilityState", { get: () => "hidden" }));
  await visit(other, shop(hostSite, parlour));
  const there = await openByHand(other, parlour);
  await page.bringToFront();
  await press(page);
  await there.say("several");
  await expect(page.getByRole("button", { name: "Open chat, 3 unread" })).toBeVisible();
  await expect(page.locator(".preview")).toHaveCount(0);
  const told: object[] = await page.evaluate("told");
  expect(told).toContainEqual({ parlour: 1, type: "unread", count: 3 });
  expect(JSON.stringify(told)).not.toMatch(/first of three|and the last|"text"/);
});

test("a server that is gone when the chat is opened is said, and what was written arrives when it is back", async ({ page, hostSite, startParlour }) => {
  const parlour = await startParlour();
  await visit(page, shop(hostSite, parlour));
  await parlour.stop();
  await press(page);
  await page.keyboard.type("thanks");
  await page.keyboard.press("Enter");
  await page.keyboard.type("half");
  await expect(page.getByRole("status")).toContainText("The chat can’t be reached.");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await parlour.launch();
  await press(page);
  const chat = await chatIn(page, parlour);
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  await expect(chat.composer).toHaveValue("half");
  expect(await inFrame(chat)).toEqual(["thanks"]);
});

test("the bot's colour reaches the launcher", async ({ page, hostSite, startParlour }) => {
  const parlour = await startParlour({ config: CLOSED.replace("https://shop.example", hostSite.origin) + 'brand = "#204080"\n' });
  await visit(page, shop(hostSite, parlour));
  await openByHand(page, parlour);
  await expect(page.locator(".launcher")).toHaveCSS("background-color", "rgb(32, 64, 128)");
});

test("a page in Arabic has launcher and window in Arabic, and a bot that speaks German only has both in German", async ({ page, hostSite, startParlour }) => {
  const config = CLOSED.replace("https://shop.example", hostSite.origin);
  const parlour = await startParlour({ config });
  const arabic = "<script>document.documentElement.lang = 'ar'; document.documentElement.dir = 'rtl'</script>";
  await visit(page, shop(hostSite, parlour, { head: arabic }));
  await page.getByRole("button", { name: "فتح المحادثة" }).click();
  const chat = await chatIn(page, parlour);
  await expect(chat.window.locator("html")).toHaveAttribute("lang", "ar");
  await expect(chat.window.getByRole("textbox", { name: "الرسالة" })).toBeVisible();

  const german = await startParlour({ config: config + 'languages = ["de"]\n' });
  // The tab left it open.
  await visit(page, shop(hostSite, german));
  await expect(page.locator(".launcher")).toHaveAccessibleName("Chat schließen");
});

test("Escape closes the window also after a click on nothing", async ({ page, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await chat.window.locator("header p").click();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("signing out forgets the visitor", async ({ page, hostSite, parlour }) => {
  await visit(page, shop(hostSite, parlour));
  const chat = await openByHand(page, parlour);
  await chat.tell("call me Ada");
  await page.evaluate(() => (window as any).Parlour.logout());
  await expect(async () => {
    const fresh = await chatIn(page, parlour);
    await fresh.welcomed();
    await expect(fresh.mine).toHaveCount(0);
  }).toPass();
});

test("signing out on a page where nobody opened the chat forgets the visitor, too", async ({ page, hostSite, parlour }) => {
  const url = shop(hostSite, parlour);
  await visit(page, url);
  const chat = await openByHand(page, parlour);
  await chat.tell("call me Ada");
  await press(page);
  await visit(page, url);
  const forgotten = page.waitForResponse((answer) => answer.request().method() === "DELETE");
  await page.evaluate(() => (window as any).Parlour.logout());
  expect((await forgotten).status()).toBe(204);
  await press(page);
  await expect(async () => {
    const fresh = await chatIn(page, parlour);
    await fresh.welcomed();
    await expect(fresh.mine).toHaveCount(0);
  }).toPass();
});

test("a page that is not listed gets a friendly refusal in the frame", async ({ page, hostSite, startParlour }) => {
  const parlour = await startParlour({ config: CLOSED });
  await visit(page, shop(hostSite, parlour));
  await press(page);
  const frame = page.frameLocator("[data-parlour] iframe");
  await expect(frame.getByRole("heading")).toHaveText("Not available on this site");
  await expect(page.locator(".outline")).toBeHidden();
  await frame.getByRole("heading").click();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
});

const CLOSED = `
[apps.cs-demo]
bots = ["st-demo"]
origins = ["https://shop.example"]
[[apps.cs-demo.keys]]
kid = "one"
algorithm = "HS256"
secret = "${randomBytes(32).toString("hex")}"
[bots.st-demo]
page = "demo"
name = "Ada"
`;

test.describe("where cookies of other sites are refused", () => {
  // The only answer that sets a cookie is asked for beside the browser; and the frame can set none itself.
  const refuse = async (page: Page, origin: string) => {
    await page.route(`${origin}/api/users/sts`, async (route) => {
      const request = route.request();
      const answer = await fetch(request.url(), {
        method: "POST",
        headers: { "content-type": "application/json", origin },
        body: request.postData(),
      });
      await route.fulfill({ status: answer.status, contentType: "application/json", body: await answer.text() });
    });
    await page.addInitScript(() => Object.defineProperty(Document.prototype, "cookie", { get: () => "", set: () => {} }));
  };

  test("the conversation goes on after a reload all the same", async ({ page, hostSite, parlour }) => {
    await refuse(page, parlour.baseURL);
    await visit(page, shop(hostSite, parlour));
    const chat = await openByHand(page, parlour);
    await chat.welcomed();
    await chat.tell("call me Ada");
    await expect(chat.row("Pleased to meet you, Ada!")).toBeVisible();
    expect(await page.context().cookies()).toEqual([]);
    await page.reload();
    const again = await chatIn(page, parlour);
    await again.online();
    await expect(again.mine.locator(".bubble")).toHaveText(["call me Ada"]);
    await expect(again.row("I am the Parlour demo bot")).toHaveCount(1);
    await again.tell("thanks");
    expect(await inFrame(again)).toEqual(["call me Ada", "thanks"]);
  });
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true });

  test("a window that has not come alive can be closed", async ({ page, hostSite, parlour }) => {
    const release = await holdWasm(page);
    await visit(page, shop(hostSite, parlour));
    await page.touchscreen.tap(launcher(page).x, launcher(page).y);
    const chat = await chatIn(page, parlour);
    await expect(chat.composer).toBeVisible();
    await chat.window.getByRole("button", { name: "Close chat" }).tap();
    await expect(page.getByRole("dialog")).toBeHidden();
    release();
    await page.touchscreen.tap(launcher(page).x, launcher(page).y);
    await chat.online();
    await expect(page.locator(".launcher")).toBeHidden();
    await chat.window.getByRole("button", { name: "Close chat" }).tap();
    await expect(page.getByRole("dialog")).toBeHidden();
  });

  test("the chat fills the screen, does not raise the keyboard, and is closed by its button", async ({ page, hostSite, parlour }) => {
    await visit(page, shop(hostSite, parlour));
    await page.touchscreen.tap(launcher(page).x, launcher(page).y);
    const chat = await chatIn(page, parlour);
    await chat.welcomed();
    await expect(page.getByRole("dialog")).toHaveAttribute("aria-modal", "true");
    await expect.poll(() => page.locator("[data-parlour] iframe").boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 740 });
    await expect(chat.composer).not.toBeFocused();
    await chat.composer.fill("hello");
    await chat.sendButton.tap();
    await expect(chat.row("Nice to meet you")).toBeVisible();
    for (const tool of await chat.window.locator("header .tool").all()) {
      const { width, height } = (await tool.boundingBox())!;
      expect(Math.round(Math.min(width, height))).toBeGreaterThanOrEqual(44);
    }
    await chat.window.getByRole("button", { name: "Close chat" }).tap();
    await expect(page.getByRole("dialog")).toBeHidden();
    await expect.poll(() => page.evaluate(() => document.body.inert)).toBe(false);
  });
});
