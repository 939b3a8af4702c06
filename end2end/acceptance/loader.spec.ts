// The loader on a customer's page: what it fetches, what it leaves alone, how it opens and closes, what it hears.
import { expect, test } from "../fixtures/test";
import { launcher, press, stage } from "../fixtures/stage";

declare const Parlour: any;

const inCorner = (page: any) => {
  const { x, y } = launcher(page);
  return page.screenshot({ clip: { x: x - 36, y: y - 36, width: 72, height: 72 }, animations: "disabled" });
};

test("nothing but the loader is fetched before the first touch, and nothing is stored", async ({ page, hostSite }) => {
  const requests: string[] = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));
  const console_: string[] = [];
  page.on("console", (message) => console_.push(message.text()));
  await stage(page, hostSite);
  expect(requests.filter((path) => path !== "/favicon.ico")).toEqual(["/", "/parlour.js"]);
  expect(await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie])).toEqual([0, 0, ""]);
  const shifts = await page.evaluate(
    () =>
      new Promise((resolve) => {
        new PerformanceObserver((list) => resolve(list.getEntries().length)).observe({ type: "layout-shift", buffered: true });
        requestAnimationFrame(() => requestAnimationFrame(() => resolve(0)));
      }),
  );
  expect(shifts).toBe(0);
  expect(console_).toEqual([]);
});

test("the launcher is the last stop of the page, named, and opens by key with the composer in focus", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  await page.focus("#last");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Open chat" })).toBeFocused();
  await expect(page.getByRole("button", { name: "Open chat" })).toHaveAttribute("aria-expanded", "false");
  await page.keyboard.press("Enter");
  const frame = await on.frame();
  await expect(frame.locator("textarea")).toBeFocused();
  await page.keyboard.type("hello");
  await expect(frame.locator("textarea")).toHaveValue("hello");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Open chat" })).toBeFocused();
});

test("a hostile style sheet does not change a pixel of the launcher", async ({ page, hostSite }) => {
  await stage(page, hostSite);
  const calm = await inCorner(page);
  const hostile = `*, div, button, svg { display: none !important; opacity: .3 !important; transform: scale(2) !important;
    font: 60px serif !important; color: red !important; filter: invert(1) !important; position: static !important;
    visibility: hidden !important; direction: rtl !important; margin: 50px !important; border: 9px solid red !important }
    html, body { display: block !important; opacity: 1 !important; transform: none !important; filter: none !important;
    visibility: visible !important; margin: 0 !important; border: 0 !important }`;
  await stage(page, hostSite, { head: `<style>${hostile}</style>` });
  expect((await inCorner(page)).equals(calm)).toBe(true);
});

test("a strict policy with trusted types is kept", async ({ page, hostSite, problems }) => {
  const chat = hostSite.origin.replace("localhost", "127.0.0.1");
  const policy = `default-src 'none'; script-src ${chat}; frame-src ${chat}; require-trusted-types-for 'script'; trusted-types 'none'`;
  const on = await stage(page, hostSite, { head: `<meta http-equiv="Content-Security-Policy" content="${policy}">` });
  await press(page);
  await expect((await on.frame()).locator("textarea")).toBeFocused();
  expect(problems).toEqual([]);
});

test("the window is kept open over pages of a tab, without taking the focus", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  await press(page);
  await on.frame();
  await page.reload();
  await (await on.frame()).waitForFunction("heard.length");
  expect(await on.heard()).toEqual([{ parlour: 1, type: "shown", focus: false }]);
  expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true);
});

test("calls may be made twice, before the loader came, and end with destroy", async ({ page, hostSite }) => {
  await page.addInitScript(() => {
    (window as any).seen = [];
    (window as any).Parlour = { q: [["prefill", "Hello"], ["open"], (api: any) => api.on("ready", () => (window as any).seen.push("ready"))] };
  });
  const on = await stage(page, hostSite);
  // Whether this is the visitor's own wish is left open: Playwright's calls count as a gesture.
  await expect.poll(on.heard).toEqual([
    expect.objectContaining({ type: "shown" }),
    { parlour: 1, type: "prefill", text: "Hello" },
  ]);
  await page.evaluate(() => {
    for (const name of ["open", "close", "unread"]) Parlour.on(name, () => (window as any).seen.push(name));
    for (const name of ["open", "close", "close", "toggle", "toggle", "hide", "hide", "show"]) Parlour[name]();
  });
  expect(await page.evaluate("seen")).toEqual(["ready", "close", "open", "close"]);
  await page.evaluate(() => (Parlour.destroy(), 0));
  expect(await page.evaluate(() => ["Parlour" in window, document.querySelectorAll("[data-parlour], iframe, link").length])).toEqual([false, 0]);
});

test("only the frame is heard, and only in its own words", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  await press(page);
  await page.evaluate(() => {
    (window as any).seen = [];
    Parlour.on("unread", ({ count }: { count: number }) => (window as any).seen.push(count));
    window.postMessage({ parlour: 1, type: "unread", count: 1 }, "*");
  });
  for (const message of [{ type: "unread", count: "2" }, { type: "unread", count: -1 }, { type: "constructor" }, { type: 5 }, { type: "unread" }]) {
    await on.say(message);
  }
  await (await on.frame()).evaluate("parent.postMessage(null, origin); parent.postMessage('unread', origin)");
  await on.say({ type: "unread", count: 3 });
  await expect.poll(() => page.evaluate("seen")).toEqual([3]);
});

test("an assertion is asked for by the frame and answered with what the page's function gives", async ({ page, hostSite }) => {
  await page.addInitScript(() => {
    let asked = 0;
    (window as any).Parlour = { assertion: async () => `jwt-${++asked}` };
  });
  const on = await stage(page, hostSite);
  await press(page);
  expect((await on.frame()).url()).toContain("identity=host");
  await on.say({ type: "assertion", id: 7 });
  await on.say({ type: "assertion", id: 8 });
  await expect.poll(async () => (await on.heard()).slice(-2)).toEqual([
    { parlour: 1, type: "assertion", id: 7, jwt: "jwt-1" },
    { parlour: 1, type: "assertion", id: 8, jwt: "jwt-2" },
  ]);
});

test("what is no assertion is told once, by its form", async ({ page, hostSite }) => {
  await page.addInitScript(() => {
    const w = window as any;
    w.given = { jwt: "eyJ" };
    w.errors = [];
    w.Parlour = { assertion: async () => w.given };
  });
  const on = await stage(page, hostSite);
  await page.evaluate(() => Parlour.on("error", (error: unknown) => (window as any).errors.push(error)));
  await press(page);
  // An object reaches the frame as the text that names it, so that the frame can tell its form.
  await on.say({ type: "assertion", id: 1 });
  await expect.poll(async () => (await on.heard()).at(-1)).toEqual({ parlour: 1, type: "assertion", id: 1, jwt: "[object Object]" });
  await on.say({ type: "error", code: "assertion", form: "json" });
  await expect.poll(() => page.evaluate("errors")).toEqual([{ code: "assertion", form: "json" }]);
  // What cannot be text at all counts as nothing.
  await page.evaluate(() => ((window as any).given = Object.create(null)));
  await on.say({ type: "assertion", id: 2 });
  await expect.poll(async () => (await on.heard()).at(-1)).toEqual({ parlour: 1, type: "assertion", id: 2, jwt: null });
  expect(await page.evaluate("errors.slice(1)")).toEqual([{ code: "assertion" }]);
});

test("the window stays on the screen wherever the launcher is put", async ({ page, hostSite }) => {
  await page.setViewportSize({ width: 1000, height: 600 });
  const on = await stage(page, hostSite, { head: "<style>body { --parlour-y: 120px; --parlour-x: 90px }</style>" });
  await page.locator(".launcher").click();
  await on.frame();
  const { x, y } = (await page.getByRole("dialog").boundingBox())!;
  expect(x).toBeGreaterThan(0);
  expect(y).toBeGreaterThan(0);
});

test("an answer for one person never reaches the frame of the next", async ({ page, hostSite }) => {
  await page.addInitScript(() => {
    (window as any).Parlour = { assertion: () => new Promise((resolve) => ((window as any).late = resolve)) };
  });
  const on = await stage(page, hostSite);
  await press(page);
  await on.say({ type: "assertion", id: 1 });
  await page.waitForFunction("window.late");
  await page.evaluate(() => Parlour.setAssertion(async () => "jwt-b"));
  await expect(page.locator("[data-parlour] iframe")).toHaveAttribute("src", /fresh=1/);
  await page.evaluate("late('jwt-a')");
  await on.say({ type: "assertion", id: 1 });
  const answers = async () => (await on.heard()).filter(({ type }) => type === "assertion");
  await expect.poll(answers).toEqual([{ parlour: 1, type: "assertion", id: 1, jwt: "jwt-b" }]);
});

test("who signs out is forgotten before the next one is let in, with all that was unread", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  await press(page);
  await on.frame();
  await press(page);
  await on.say({ type: "unread", count: 3, name: "Demo bot", text: "Your order has left." });
  await expect(page.getByRole("button", { name: "Open chat, 3 unread" })).toBeVisible();
  await page.evaluate(() => Parlour.setLocale("de"));
  await expect(page.getByRole("button", { name: "Chat öffnen", exact: true })).toBeVisible();
  await expect(page.getByRole("button", { name: /Your order has left/ })).toBeHidden();
  await page.evaluate(() => {
    Parlour.logout();
    Parlour.setAssertion(async () => "jwt-b");
  });
  await expect.poll(async () => (await on.heard()).map(({ type }) => type)).toContain("logout");
  const frame = page.locator("[data-parlour] iframe");
  await expect(frame).not.toHaveAttribute("src", /identity=host/);
  await on.say({ type: "forgotten" });
  await expect(frame).toHaveAttribute("src", /identity=host/);
});

test("a message while closed is counted in the launcher's name and previewed", async ({ page, hostSite, expectAccessible }) => {
  const on = await stage(page, hostSite);
  await press(page);
  await on.frame();
  await press(page);
  await on.say({ type: "unread", count: 2, name: "Demo bot", text: "Your order has left." });
  await expect(page.getByRole("button", { name: "Open chat, 2 unread" })).toBeVisible();
  // It goes by itself, but not from under the pointer.
  await page.getByRole("button", { name: /Your order has left/ }).hover();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(page.getByRole("button", { name: /Your order has left/ })).toBeHidden();
  await on.say({ type: "unread", count: 3, name: "Demo bot", text: "It has come back." });
  await page.getByRole("button", { name: /It has come back/ }).focus();
  await on.say({ type: "unread", count: 4, name: "Demo bot", text: "It is on its way." });
  await expect(page.getByRole("button", { name: /It is on its way/ })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Open chat, 4 unread" })).toBeFocused();
  await press(page);
  await expect(page.getByRole("button", { name: "Close chat", exact: true })).toBeVisible();
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true });
  const tall = "<style>#tall { height: 3000px }</style>";
  const touch = async (page: any) => page.touchscreen.tap(launcher(page).x, launcher(page).y);

  test("the window fills the screen, the page behind rests, and back closes it first", async ({ page, hostSite }) => {
    const on = await stage(page, hostSite, { head: tall });
    const url = page.url();
    await page.evaluate(() => scrollTo(0, 700));
    await touch(page);
    const frame = await on.frame();
    await expect.poll(() => frame.evaluate(() => [innerWidth, innerHeight])).toEqual([390, 740]);
    expect(await page.evaluate(() => [document.body.inert, getComputedStyle(document.documentElement).overflow])).toEqual([true, "hidden"]);
    await page.evaluate(() => history.back());
    await expect.poll(() => page.evaluate(() => document.body.inert)).toBe(false);
    await expect.poll(() => page.evaluate(() => scrollY)).toBe(700);
    expect(page.url()).toBe(url);
  });

  test("closing takes its step in the history back, and a reload does not open it again", async ({ page, hostSite }) => {
    const on = await stage(page, hostSite, { head: tall });
    await touch(page);
    await (await on.frame()).getByRole("button", { name: "Close" }).click();
    await expect.poll(() => page.evaluate(() => [document.body.inert, history.state])).toEqual([false, null]);
    await touch(page);
    await on.frame();
    await page.reload();
    await page.locator("[data-parlour]").waitFor({ state: "attached" });
    expect(page.frames()).toHaveLength(1);
  });
});

test("a preview goes when another tab has read it", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  await press(page);
  await on.frame();
  await press(page);
  await on.say({ type: "unread", count: 1, name: "Demo bot", text: "Your order has left." });
  await expect(page.getByRole("button", { name: /Your order has left/ })).toBeVisible();
  await on.say({ type: "unread", count: 0 });
  await expect(page.getByRole("button", { name: /Your order has left/ })).toBeHidden();
  await expect(page.getByRole("button", { name: "Open chat", exact: true })).toBeVisible();
});

test("the window's colour reaches the launcher and is kept; a colour of the page wins", async ({ page, hostSite }) => {
  const colour = () => page.locator(".launcher").evaluate((launcher) => getComputedStyle(launcher).backgroundColor);
  const on = await stage(page, hostSite);
  expect(await colour()).toBe("rgb(11, 110, 79)");
  await press(page);
  await on.frame();
  await expect.poll(colour).toBe("rgb(32, 64, 128)");
  await page.reload();
  await page.locator("[data-parlour]").waitFor({ state: "attached" });
  expect(await colour()).toBe("rgb(32, 64, 128)");
  const other = await stage(page, hostSite, { attributes: 'data-brand="#c00"' });
  await other.frame();
  await expect.poll(other.heard).not.toEqual([]);
  expect(await colour()).toBe("rgb(204, 0, 0)");
});

test("launcher and window speak one language: the page's, else the visitor's, else the bot's", async ({ page, hostSite }) => {
  const asked = async (lang: string, attributes = "") => {
    const on = await stage(page, hostSite, { attributes, head: `<script>document.documentElement.lang = "${lang}"</script>` });
    await page.evaluate(() => Parlour.open());
    return new URL((await on.frame()).url()).searchParams.get("lang");
  };
  expect(await asked("ar-EG")).toBe("ar");
  await expect(page.locator(".launcher")).toHaveAccessibleName("إغلاق المحادثة");
  expect(await asked("fr")).toBe("en");
  expect(await asked("ar", 'data-lang="de"')).toBe("de");
  expect(await asked("ar", 'data-lang="auto"')).toBe("en");
  // A bot that speaks German only answers in German.
  hostSite.serve("/embed/demo", '<html lang="de"><textarea></textarea><form data-composer><textarea></textarea></form><script src="/hand_over.js"></script></html>');
  await page.evaluate(() => Parlour.setLocale("en"));
  await expect(page.locator(".launcher")).toHaveAccessibleName("Chat schließen");
});
