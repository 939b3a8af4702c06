// The window's outline, which the loader draws until the frame's page is there: what is typed in it, and what it says when
// nothing comes.
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/test";
import { stopClock } from "../fixtures/clock";
import { launcher, press, stage } from "../fixtures/stage";

const EMBED = /\/embed\/demo/;
const UNREACHED = "The chat can’t be reached.";
const outline = (page: Page) => page.getByRole("dialog").getByRole("textbox", { name: "Message" });
const again = (page: Page) => page.getByRole("button", { name: "Try again" });

// Holds the frame's page back until the returned function is called.
async function hold(page: Page): Promise<() => void> {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  await page.route(EMBED, async (route) => {
    await gate;
    await route.continue().catch(() => {}); // a page that was left meanwhile
  });
  return release;
}

// Nobody is there; the returned function brings the server back.
async function unplug(page: Page): Promise<() => Promise<void>> {
  await page.route(EMBED, (route) => route.abort("connectionrefused"));
  return () => page.unroute(EMBED);
}

test("what is typed before the composer is there is in it, and the cursor with it", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  const release = await hold(page);
  await press(page);
  await expect(outline(page)).toBeFocused();
  await page.keyboard.type("hello");
  await page.keyboard.press("ArrowLeft");
  release();
  const field = (await on.frame()).locator("textarea");
  await expect(field).toBeFocused();
  await page.keyboard.type("X");
  await expect(field).toHaveValue("hellXo");
  await expect(outline(page)).toBeHidden();
});

test("who types on while the composer comes loses no letter", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  const text = "the quick brown fox jumps over the lazy dog ".repeat(3).trim();
  const release = await hold(page);
  await press(page);
  await expect(outline(page)).toBeFocused();
  for (const [at, letter] of [...text].entries()) {
    if (at === 20) release();
    await page.keyboard.type(letter);
  }
  const field = (await on.frame()).locator("textarea");
  await expect(field).toBeFocused();
  await expect(field).toHaveValue(text);
});

test("what is handed over in pieces is whole in the frame", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  await press(page);
  const frame = await on.frame();
  await expect(frame.locator("textarea")).toBeFocused();
  await page.evaluate((chat) => {
    const { contentWindow } = document.querySelector("[data-parlour]")!.shadowRoot!.querySelector("iframe")!;
    const take = (message: object) => contentWindow!.postMessage({ parlour: 1, type: "take", said: [], text: "", start: 0, end: 0, ...message }, chat);
    take({ text: "heo", start: 2, end: 2 });
    take({ text: "ll", on: true });
    take({ said: [", you"], text: "next", on: true });
    take({ text: " one", on: true });
  }, on.chat);
  await expect(frame.locator("textarea")).toHaveValue("next one");
  await expect(frame.locator("#early .bubble")).toHaveText(["hello, you"]);
});

test("what is said before the composer is there is said when it is, once, and the rest stays written", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  const release = await hold(page);
  await press(page);
  await expect(outline(page)).toBeFocused();
  await page.keyboard.type("one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("two");
  await page.keyboard.press("Enter");
  await page.keyboard.type("three");
  await page.getByRole("button", { name: "Send message" }).click();
  await page.keyboard.press("Enter");
  await expect(page.locator(".mine")).toHaveText(["one\ntwo", "three"]);
  await page.keyboard.type("half");
  release();
  const frame = await on.frame();
  await expect(frame.locator("#early .bubble")).toHaveText(["one two", "three"]);
  await expect(frame.locator("textarea")).toHaveValue("half");
});

test("a word that is being composed is not broken: it goes over when it is whole", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  const release = await hold(page);
  await press(page);
  await expect(outline(page)).toBeFocused();
  const keyboard = await page.context().newCDPSession(page);
  await keyboard.send("Input.imeSetComposition", { text: "か", selectionStart: 1, selectionEnd: 1 });
  release();
  const frame = await on.frame();
  await expect.poll(on.heard).toContainEqual(expect.objectContaining({ type: "shown" }));
  await keyboard.send("Input.imeSetComposition", { text: "かん", selectionStart: 2, selectionEnd: 2 });
  await expect(outline(page)).toHaveValue("かん");
  await keyboard.send("Input.insertText", { text: "漢" });
  await expect(frame.locator("textarea")).toHaveValue("漢");
  await expect(frame.locator("textarea")).toBeFocused();
});

test("the page's own shortcuts do not hear what is typed", async ({ page, hostSite }) => {
  await stage(page, hostSite, { head: "<script>var keys = ''; document.addEventListener('keydown', ({ key }) => (keys += key))</script>" });
  await hold(page);
  await press(page);
  await expect(outline(page)).toBeFocused();
  await page.keyboard.type("s/");
  expect(await page.evaluate("keys")).toBe("");
});

test("a server that is not there is said, keeps what is typed, and is tried again by hand", async ({ page, hostSite, expectAccessible }) => {
  await page.clock.install();
  const on = await stage(page, hostSite);
  const plug = await unplug(page);
  await press(page);
  await page.keyboard.type("is anybody there?");
  await expect(page.getByRole("status")).toContainText(UNREACHED);
  await expect(outline(page)).toHaveAccessibleDescription(new RegExp(UNREACHED));
  await expectAccessible(page);

  // Escape and both buttons close it, and it is the same when it is opened again.
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("button", { name: "Open chat" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(outline(page)).toHaveValue("is anybody there?");
  await page.getByRole("dialog").getByRole("button", { name: "Close chat" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await press(page);
  await expect(page.getByRole("status")).toContainText(UNREACHED);

  // It is not tried again by itself meanwhile: none is under way when one has just failed, and the next is seconds away.
  await page.waitForEvent("requestfailed", (request) => EMBED.test(request.url()));
  await stopClock(page);
  await plug();
  await again(page).click();
  const field = (await on.frame()).locator("textarea");
  await expect(field).toHaveValue("is anybody there?");
  await expect(again(page)).toBeHidden();
  await press(page);
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("a server that comes back is found without a click", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  const plug = await unplug(page);
  await press(page);
  await page.keyboard.type("hello");
  await expect(page.getByRole("status")).toContainText(UNREACHED);
  await plug();
  const field = (await on.frame()).locator("textarea");
  await expect(field).toHaveValue("hello");
  await expect(field).toBeFocused();
});

test("closing and opening again works after the server is back", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  const plug = await unplug(page);
  await press(page);
  await expect(page.getByRole("status")).toContainText(UNREACHED);
  await page.keyboard.press("Escape");
  await plug();
  await page.keyboard.press("Enter");
  await expect((await on.frame()).locator("textarea")).toBeFocused();
});

test("an error page of a proxy is not taken for the chat", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  await page.route(EMBED, (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad Gateway</h1><textarea></textarea>" }));
  await press(page);
  await expect(page.getByRole("status")).toContainText(UNREACHED);
  await expect(outline(page)).toBeFocused();
  await page.unroute(EMBED);
  await expect.poll(on.heard).toContainEqual({ parlour: 1, type: "shown", focus: false });
});

test("a page that says why there is no chat is shown, and closes", async ({ page, hostSite }) => {
  await stage(page, hostSite);
  hostSite.serve("/embed/demo", '<!doctype html><html lang="en"><title>No</title><h1>Not available on this site</h1><script src="/hand_over.js"></script></html>');
  await press(page);
  const frame = page.frameLocator("[data-parlour] iframe");
  await expect(frame.getByRole("heading")).toHaveText("Not available on this site");
  await expect(outline(page)).toBeHidden();
  await frame.getByRole("heading").click();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("a call waits for a server that is not there", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  const plug = await unplug(page);
  const refused = page.waitForEvent("requestfailed");
  await page.evaluate(() => (window as any).Parlour.send("hello"));
  await refused;
  await plug();
  await expect.poll(on.heard).toContainEqual({ parlour: 1, type: "send", text: "hello" });
});

test("it speaks the page's language, from its side", async ({ page, hostSite, expectAccessible }) => {
  await stage(page, hostSite, { attributes: 'data-lang="ar"' });
  await unplug(page);
  await page.getByRole("button", { name: "فتح المحادثة" }).click();
  await expect(page.getByRole("status")).toContainText("تعذّر الوصول إلى المحادثة.");
  await expect(page.getByRole("button", { name: "حاول مرة أخرى" })).toBeVisible();
  const close = (await page.getByRole("dialog").getByRole("button", { name: "إغلاق المحادثة" }).boundingBox())!;
  const window = (await page.getByRole("dialog").boundingBox())!;
  expect(close.x - window.x).toBeLessThan(window.width / 2);
  await expectAccessible(page);
});

test.describe("in the dark", () => {
  test.use({ colorScheme: "dark" });

  test("it is legible", async ({ page, hostSite, expectAccessible }) => {
    await stage(page, hostSite);
    await unplug(page);
    await press(page);
    await expect(page.getByRole("status")).toContainText(UNREACHED);
    await expectAccessible(page);
  });
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true });
  const touch = async (page: Page) => page.touchscreen.tap(launcher(page).x, launcher(page).y);

  test("it fills the screen, raises no keyboard, and closes", async ({ page, hostSite, expectAccessible }) => {
    const on = await stage(page, hostSite);
    const plug = await unplug(page);
    await touch(page);
    await expect(page.getByRole("status")).toContainText(UNREACHED);
    await expect.poll(() => page.getByRole("dialog").boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 740 });
    await expect(outline(page)).not.toBeFocused();
    await expect(page.getByRole("dialog")).toBeFocused();
    await expectAccessible(page);
    for (const button of await page.getByRole("dialog").getByRole("button").all()) {
      expect(Math.round((await button.boundingBox())!.height)).toBeGreaterThanOrEqual(44);
    }
    await outline(page).tap();
    await expect(outline(page)).toBeFocused();
    await page.keyboard.type("hello");
    await page.getByRole("dialog").getByRole("button", { name: "Close chat" }).tap();
    await expect(page.getByRole("dialog")).toBeHidden();
    expect(await page.evaluate(() => document.body.inert)).toBe(false);
    await plug();
    await touch(page);
    await expect((await on.frame()).locator("textarea")).toHaveValue("hello");
  });
});
