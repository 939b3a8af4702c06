// Host pages that get in the loader's way: names in their markup, pages that rebuild themselves, frames without an address.
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures/test";
import { frameOf } from "../fixtures/frame";
import { press, stage } from "../fixtures/stage";

declare const Parlour: any;

// All that the loader reads of document and window, and what it might read.
const NAMES = [
  ...["currentScript", "documentElement", "body", "head", "activeElement", "readyState", "dir", "defaultView", "location", "cookie"],
  ...["querySelector", "querySelectorAll", "createElement", "createElementNS", "addEventListener", "getElementById", "contains"],
  ...["Parlour", "parlour", "window", "status", "demo", "origin", "history", "navigator", "sessionStorage", "visualViewport"],
];
const markup: [string, (name: string, evil: string) => string][] = [
  ["img", (name, evil) => `<img name="${name}" id="${name}" src="${evil}" data-bot="demo" data-open="true">`],
  ["form", (name, evil) => `<form name="${name}" id="${name}"><input name="src" value="${evil}"><input name="bot" value="evil"><input name="assertion"></form>`],
  ["embed", (name, evil) => `<embed name="${name}" src="${evil}" type="image/png" data-bot="demo">`],
  ["object", (name) => `<object name="${name}" id="${name}" data-bot="demo"></object>`],
  ["iframe", (name) => `<iframe name="${name}" id="${name}" srcdoc="" data-bot="demo" hidden></iframe>`],
  ["collection", (name, evil) => `<a id="${name}" href="${evil}"></a><a id="${name}" name="src" href="${evil}"></a>`],
];

// A module of another site must be for anyone; it has no `currentScript`, as a script that a bundler runs has none.
const anyone = (page: Page, url: string) =>
  page.route(url, async (route) => route.fulfill({ response: await route.fetch(), headers: { "content-type": "text/javascript", "access-control-allow-origin": "*" } }));

for (const [tag, write] of markup) {
  for (const kind of ["async", 'type="module"']) {
    test(`names in the page's markup (${tag}) stand in for nothing, as a script of ${kind}`, async ({ page, hostSite }) => {
      const evil = `${hostSite.origin.replace("localhost", "evil.localhost")}/x/parlour.js`;
      const framed: string[] = [];
      page.on("request", (request) => request.url().includes("/embed/") && framed.push(new URL(request.url()).host));
      // Not by `stage`, whose waiting asks the document.
      const chat = hostSite.origin.replace("localhost", "127.0.0.1");
      await stage(page, hostSite);
      const others = `<svg><script data-bot="demo" href="${evil}" src="${evil}"></script></svg>`;
      await anyone(page, `${chat}/parlour.js`);
      await page.goto(
        hostSite.serve(
          "/clobbered",
          `<!doctype html><html lang="en"><title>Shop</title><script>Parlour = { assertion: async () => "jwt" }</script>
          ${others}${NAMES.map((name) => write(name, evil)).join("")}
          <script ${kind} src="${chat}/parlour.js" data-bot="demo"></script></html>`,
        ),
      );
      await page.waitForFunction("typeof Parlour.open === 'function'");
      await page.evaluate("Parlour.open()");
      const frame = await frameOf(page, chat);
      await frame.waitForFunction("typeof say === 'function'");
      expect(frame.url()).toContain("identity=host");
      await frame.evaluate("say({ type: 'assertion', id: 1 })");
      await expect.poll(() => frame.evaluate("heard")).toContainEqual({ parlour: 1, type: "assertion", id: 1, jwt: "jwt" });
      expect(framed).toEqual([new URL(chat).host]);
    });

    test(`a page whose markup is the only Parlour (${tag}) has the chat all the same, as a script of ${kind}`, async ({ page, hostSite }) => {
      const chat = hostSite.origin.replace("localhost", "127.0.0.1");
      await stage(page, hostSite);
      await anyone(page, `${chat}/parlour.js`);
      await page.goto(
        hostSite.serve(
          "/clobbered",
          `<!doctype html><html lang="en"><title>Shop</title>${write("Parlour", "/x.png")}
          <script ${kind} src="${chat}/parlour.js" data-bot="demo"></script></html>`,
        ),
      );
      await page.locator("[data-parlour]").waitFor({ state: "attached" });
      await press(page);
      await expect.poll(() => page.frames().map((frame) => frame.url())).toContainEqual(expect.stringContaining(`${chat}/embed/demo?origin=`));
    });
  }
}

// What React does when it takes over a whole document and finds what it has not drawn.
const rebuild = (page: Page) =>
  page.evaluate(() => {
    for (const child of [...document.documentElement.children]) if (!["HEAD", "BODY"].includes(child.tagName)) child.remove();
  });
const hosts = (page: Page) => page.locator("[data-parlour]");

test("a page that throws the launcher out has it back, once, and the API works", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  await rebuild(page);
  await expect(hosts(page)).toHaveCount(1);
  await rebuild(page);
  await expect(hosts(page)).toHaveCount(1);
  await page.evaluate(() => Parlour.open());
  await expect(page.getByRole("dialog")).toBeVisible();
  await on.frame();
  await page.evaluate(() => Parlour.close());
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("a page that throws the open window out has it back, with the focus", async ({ page, hostSite }) => {
  const on = await stage(page, hostSite);
  await press(page);
  const before = await on.frame();
  await expect(before.locator("textarea")).toBeFocused();
  await rebuild(page);
  await expect.poll(() => before.isDetached()).toBe(true);
  await expect(page.getByRole("dialog")).toBeVisible();
  const field = (await on.frame()).locator("textarea");
  await expect(field).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("button", { name: "Open chat" })).toBeFocused();
});

test("a page that replaces its root has the launcher back", async ({ page, hostSite }) => {
  await stage(page, hostSite);
  await page.evaluate(() => document.replaceChild(document.documentElement.cloneNode(true), document.documentElement));
  // The copy of the root holds a copy of the host: it is the living one that counts, and it is alone.
  await expect(page.getByRole("button", { name: "Open chat" })).toBeVisible();
  await expect(hosts(page)).toHaveCount(1);
  await page.getByRole("button", { name: "Open chat" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await rebuild(page);
  await expect(hosts(page)).toHaveCount(1);
});

test("after destroy it stays away, and nothing of it is left", async ({ page, hostSite }) => {
  await stage(page, hostSite);
  await page.mouse.move(1280 - 48, 720 - 48);
  await expect(page.locator("[data-parlour] iframe")).toHaveCount(1);
  await press(page);
  await rebuild(page);
  await page.evaluate(() => Parlour.destroy());
  await rebuild(page);
  // A page that the loader still minded would have it back before this one is.
  await page.evaluate(() => document.documentElement.append(document.createElement("aside")));
  await page.waitForFunction((since) => performance.now() - since > 1000, await page.evaluate(() => performance.now()));
  expect(await page.evaluate(() => ["Parlour" in window, document.querySelectorAll("[data-parlour], iframe, link").length])).toEqual([false, 0]);
});

test("the loader does not fight with a page that means it", async ({ page, hostSite }) => {
  await stage(page, hostSite);
  const gaveUp = page.waitForEvent("console", (message) => message.text().startsWith("Parlour:"));
  await page.evaluate(() => {
    (window as any).thrownOut = 0;
    const throwOut = () => {
      const host = document.querySelector("[data-parlour]");
      if (host) (window as any).thrownOut++, host.remove();
    };
    (window as any).mind = new MutationObserver(throwOut);
    (window as any).mind.observe(document.documentElement, { childList: true });
    throwOut();
  });
  expect((await gaveUp).type()).toBe("warning");
  expect(await page.evaluate("thrownOut")).toBe(7);
  await page.evaluate("mind.disconnect()");
  await expect(hosts(page)).toHaveCount(0);
  await page.evaluate(() => Parlour.show());
  await expect(hosts(page)).toHaveCount(1);
  await press(page);
  await expect(page.getByRole("dialog")).toBeVisible();
});

test.describe("in a frame without an address", () => {
  const inside = (chat: string) => `<!doctype html><html lang="en"><title>Preview</title><script async src="${chat}/parlour.js" data-bot="demo"></script></html>`;
  const opened = async (page: Page, chat: string) => {
    const frame = await frameOf(page, chat);
    await frame.waitForFunction("typeof heard === 'object' && heard.length");
    return frame;
  };

  for (const kind of ["srcdoc", "about:blank"]) {
    test(`a preview in ${kind} works as the page around it`, async ({ page, hostSite }) => {
      const { chat } = await stage(page, hostSite);
      await page.evaluate(
        ([html, kind]) => {
          const frame = document.createElement("iframe");
          frame.style.cssText = "width: 600px; height: 600px";
          if (kind === "srcdoc") frame.srcdoc = html;
          document.body.append(frame);
          if (kind !== "srcdoc") {
            frame.contentDocument!.open();
            frame.contentDocument!.write(html);
            frame.contentDocument!.close();
          }
        },
        [inside(chat), kind],
      );
      const preview = await (await page.locator("body > iframe").elementHandle())!.contentFrame();
      await preview!.waitForFunction("window.Parlour");
      await preview!.evaluate("Parlour.open()");
      const frame = await opened(page, chat);
      expect(new URL(frame.url()).searchParams.get("origin")).toBe(hostSite.origin);
      expect(await frame.evaluate("heard[0].type")).toBe("shown");
    });
  }

  test("a sandboxed one gets one line that says why there is no chat", async ({ page, hostSite }) => {
    const { chat } = await stage(page, hostSite);
    const lines: string[] = [];
    page.on("console", (message) => lines.push(message.text()));
    const said = page.waitForEvent("console");
    await page.evaluate((html) => {
      const frame = document.createElement("iframe");
      frame.setAttribute("sandbox", "allow-scripts");
      frame.srcdoc = html;
      document.body.append(frame);
    }, inside(chat));
    await said;
    expect(lines).toEqual([expect.stringMatching(/^Parlour: .*without an origin/)]);
    expect(page.frames().some((frame) => frame.url().includes("/embed/"))).toBe(false);
  });
});
