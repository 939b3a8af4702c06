// A website with users of its own: it hands an assertion over, and the conversation is that user's on any page and device.
import type { Page } from "@playwright/test";
import { Cable } from "../fixtures/cable";
import type { HostSite } from "../fixtures/host-site";
import type { Parlour } from "../fixtures/parlour";
import { APP, Caller, assertionFor, testApp } from "../fixtures/platform";
import { expect, test } from "../fixtures/test";
import { Widget, openOn } from "../fixtures/widget";

declare const Parlour: any;
declare const sign: () => Promise<string>;

interface Backend {
  // How often the page asked its backend.
  asked: number;
  sign: () => string | Promise<string>;
}

// A page of the website, as `docs/embedding.md` says; its backend is the test.
async function signedIn(page: Page, site: HostSite, origin: string, sign: Backend["sign"], path = "/"): Promise<Backend> {
  const backend: Backend = { asked: 0, sign };
  await page.exposeFunction("sign", () => {
    backend.asked++;
    return backend.sign();
  });
  site.serve("/favicon.ico", "");
  await page.goto(
    site.serve(
      path,
      `<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>
      <script>window.Parlour = { assertion: async () => sign() };</script>
      <script async src="${origin}/parlour.js" data-bot="demo"></script></html>`,
    ),
  );
  return backend;
}

// The token that the frame uses, as it goes over the wire.
function tokenOf(page: Page): () => string {
  let token = "";
  page.on("request", (request) => {
    if (request.url().endsWith("/rtm/start")) token = request.headers().authorization.replace("bearer ", "");
  });
  return () => token;
}

const texts = async (parlour: Parlour, identity: string) => (await (await Caller.as(parlour, identity)).history()).map(({ text }) => text);

test("the website's user goes on with the same conversation on another page and in another browser", async ({
  page,
  browser,
  startParlour,
  hostSite,
}) => {
  const parlour = await startParlour({ config: testApp() });
  const backend = await signedIn(page, hostSite, parlour.baseURL, () => assertionFor("ann"));
  await page.locator("[data-parlour]").waitFor({ state: "attached" });
  expect(backend.asked, "nobody is asked before the window is opened").toBe(0);
  const here = await openOn(page, parlour.baseURL);
  await here.welcomed();
  expect(backend.asked).toBe(1);
  expect(here.window.url()).toContain("identity=host");
  await here.say("my name is Ann");
  await expect(here.row("Pleased to meet you, Ann!")).toHaveCount(1);
  expect(await page.context().cookies(parlour.baseURL), "no visitor was made up").toEqual([]);

  const context = await browser.newContext();
  const elsewhere = await context.newPage();
  await signedIn(elsewhere, hostSite, parlour.baseURL, () => assertionFor("ann"), "/orders");
  const there = await openOn(elsewhere, parlour.baseURL);
  await there.welcomed();
  await expect(there.row("my name is Ann")).toHaveCount(1);
  await expect(there.row("Pleased to meet you, Ann!")).toHaveCount(1);

  // Both hear both sides, once.
  await there.say("thanks");
  for (const widget of [here, there]) {
    await expect(widget.row("You are welcome!")).toHaveCount(1);
    await expect(widget.mine).toHaveText([/my name is Ann/, /thanks/]);
    await expect(widget.rows).toHaveCount(6);
  }
  expect(await texts(parlour, "ann")).toEqual([
    expect.stringContaining("Parlour demo bot"),
    expect.stringContaining("Where shall we start?"),
    "my name is Ann",
    "Pleased to meet you, Ann!",
    "thanks",
    "You are welcome!",
  ]);

  // Somebody else on the same website sees nothing of it.
  const other = await (await browser.newContext()).newPage();
  await signedIn(other, hostSite, parlour.baseURL, () => assertionFor("bob"), "/bob");
  const bobs = await openOn(other, parlour.baseURL);
  await bobs.welcomed();
  await expect(bobs.rows).toHaveCount(2);
  expect(await texts(parlour, "bob")).toHaveLength(2);
  await other.context().close();
  await context.close();
});

test("a new assertion is asked for when a grant needs it, and only then", async ({ page, startParlour, hostSite }) => {
  const parlour = await startParlour({ config: testApp() });
  const cable = await Cable.to(parlour);
  const token = tokenOf(page);
  const backend = await signedIn(page, hostSite, cable.baseURL, () => assertionFor("ann"));
  const widget = await openOn(page, cable.baseURL);
  await widget.welcomed();
  const first = token();

  // The token still holds: a cut needs no new assertion.
  cable.cut();
  await widget.say("hello");
  await expect(widget.row("Nice to meet you")).toHaveCount(1);
  expect(backend.asked).toBe(1);
  expect(token()).toBe(first);

  // It does not hold any more.
  expect(await Caller.with(parlour, first).revoke()).toBe(200);
  cable.cut();
  await widget.say("thanks");
  await expect(widget.row("You are welcome!")).toHaveCount(1);
  expect(backend.asked).toBe(2);
  expect(token()).not.toBe(first);
  await expect(widget.rows).toHaveCount(6);
  await expect(widget.mine).toHaveText([/hello/, /thanks/]);
  expect((await texts(parlour, "ann")).slice(2)).toEqual(["hello", expect.stringContaining("Nice to meet you"), "thanks", "You are welcome!"]);
  await cable.remove();
});

const wrong: [string, () => string][] = [
  ["signed with another secret", () => assertionFor("ann", { secret: "another-secret-that-nobody-has-agreed-on" })],
  ["that is none", () => "certainly not a jwt"],
  ["that has expired", () => assertionFor("ann", { claims: { iat: 1_600_000_000, exp: 1_600_000_300 } })],
];
for (const [name, sign] of wrong) {
  test(`with an assertion ${name} the visitor is told, and may try again with what was said`, async ({ page, startParlour, hostSite }) => {
    const parlour = await startParlour({ config: testApp() });
    const backend = await signedIn(page, hostSite, parlour.baseURL, sign);
    await page.locator("[data-parlour]").waitFor({ state: "attached" });
    await page.evaluate(() => {
      (window as any).expired = 0;
      Parlour.on("auth:expired", () => (window as any).expired++);
    });
    const widget = await openOn(page, parlour.baseURL);
    await expect(widget.notice).toContainText("The chat could not be opened for you.");
    await expect(widget.window.locator("header .status")).toHaveText("Not available");
    // The page hears it after the frame shows it.
    await expect.poll(() => page.evaluate("expired")).toBe(1);
    // Tried again with a fresh one now and then, not for ever.
    expect(backend.asked).toBeLessThanOrEqual(4);
    await widget.say("hello");
    await expect(widget.mine).toHaveText(/hello/);

    backend.sign = () => assertionFor("ann");
    await widget.notice.getByRole("button", { name: "Try again" }).click();
    await expect(widget.row("Nice to meet you")).toHaveCount(1);
    await expect(widget.notice).toBeHidden();
    await expect(widget.window.locator("header .status")).toHaveText("Replies right away");
    expect((await texts(parlour, "ann")).filter((text) => text === "hello")).toHaveLength(1);
  });
}

const packed: [string, (token: string) => string][] = [
  ["quotes", (token) => `"${token}"`],
  ["bearer", (token) => `Bearer ${token}`],
  ["json", (token) => JSON.stringify({ jwt: token })],
  ["html", () => "<!doctype html><title>Log in</title>"],
];
test("an assertion in packing is one error with its form, and blanks around one do no harm", async ({ page, startParlour, hostSite }) => {
  const parlour = await startParlour({ config: testApp() });
  const [, pack] = packed[0];
  const backend = await signedIn(page, hostSite, parlour.baseURL, () => pack(assertionFor("ann")));
  await page.locator("[data-parlour]").waitFor({ state: "attached" });
  await page.evaluate(() => {
    (window as any).told = [];
    Parlour.on("error", (error: unknown) => (window as any).told.push(error));
    Parlour.on("auth:expired", () => (window as any).told.push("expired"));
  });
  const widget = await openOn(page, parlour.baseURL);
  const again = widget.notice.getByRole("button", { name: "Try again" });
  const forms: unknown[] = [];
  for (const [form, pack] of packed) {
    if (forms.length > 0) {
      backend.sign = () => pack(assertionFor("ann"));
      await again.click();
    }
    forms.push({ code: "assertion", form });
    await expect.poll(() => page.evaluate("told")).toEqual(forms);
    await expect(widget.notice).toContainText("The chat could not be opened for you.");
  }
  expect(backend.asked, "each is asked for once").toBe(packed.length);
  backend.sign = () => ` \t${assertionFor("ann")}\r\n`;
  await again.click();
  await widget.welcomed();
  expect(await page.evaluate("told")).toEqual(forms);
});

test("an assertion of a website that lies about its user's app is refused", async ({ page, startParlour, hostSite }) => {
  const parlour = await startParlour({ config: testApp() });
  await signedIn(page, hostSite, parlour.baseURL, () => assertionFor("ann", { claims: { iss: "cs-other" } }));
  const widget = await openOn(page, parlour.baseURL);
  await expect(widget.notice).toContainText("The chat could not be opened for you.");
  expect(await texts(parlour, "ann"), APP).toEqual([]);
});

test("a website's function that fails is no refusal: the widget keeps trying", async ({ page, startParlour, hostSite }) => {
  const parlour = await startParlour({ config: testApp() });
  const backend = await signedIn(page, hostSite, parlour.baseURL, () => Promise.reject(new Error("the backend is down")));
  const widget = await openOn(page, parlour.baseURL);
  await widget.say("hello");
  await expect(widget.notice).toContainText(/Reconnecting|No connection/);
  backend.sign = () => assertionFor("ann");
  await expect(widget.row("Nice to meet you")).toHaveCount(1);
  await expect(widget.mine).toHaveCount(1);
});

test("forged messages between page and frame are ignored on both sides", async ({ page, startParlour, hostSite }) => {
  const parlour = await startParlour({ config: testApp() });
  // The shadow root is closed to strangers too; here it is open, so that they get at the frame at all.
  await page.addInitScript(() => {
    const attach = Element.prototype.attachShadow;
    Element.prototype.attachShadow = function (init) {
      return attach.call(this, { ...init, mode: "open" });
    };
  });
  const backend = await signedIn(page, hostSite, parlour.baseURL, () => assertionFor("ann"));
  const widget = await openOn(page, parlour.baseURL);
  await widget.welcomed();
  const asked = backend.asked;

  // To the frame: of the page's own origin, but not from the page; and from the frame itself.
  await page.evaluate(async () => {
    const stranger = document.createElement("iframe");
    stranger.srcdoc = "<!doctype html><title>Stranger</title>";
    const loaded = new Promise((resolve) => (stranger.onload = resolve));
    document.body.append(stranger);
    await loaded;
    const speak = new (stranger.contentWindow as any).Function(
      `const frame = parent.document.querySelector("[data-parlour]").shadowRoot.querySelector("iframe").contentWindow;
      for (const message of [{ type: "send", text: "forged by a stranger" }, { type: "prefill", text: "forged" }, { type: "logout" }])
        frame.postMessage({ parlour: 1, ...message }, "*");`,
    );
    speak();
  });
  await widget.window.evaluate(() => {
    for (const message of [{ type: "send", text: "forged by itself" }, { type: "logout" }]) postMessage({ parlour: 1, ...message }, "*");
  });
  // From the page, but not in the protocol's words.
  await page.evaluate((origin) => {
    const frame = document.querySelector("[data-parlour]")!.shadowRoot!.querySelector("iframe")!.contentWindow!;
    for (const message of [
      null,
      "send",
      { type: "send", text: "without the mark" },
      { parlour: "1", type: "send", text: "with a wrong mark" },
      { parlour: 1, type: "send", text: { toString: "object" } },
      { parlour: 1, type: "send" },
      { parlour: 1, type: "assertion", id: 1, jwt: "unasked" },
      { parlour: 1, type: "constructor" },
    ])
      frame.postMessage(message, origin);
  }, parlour.baseURL);

  // To the page: it gives no assertion to anybody but the frame.
  const leaked = await page.evaluate(async () => {
    const heard: unknown[] = [];
    const stranger = document.createElement("iframe");
    const ready = new Promise((resolve) =>
      addEventListener("message", ({ data }) => (data === "asked" ? resolve(0) : data?.leak && heard.push(data.leak))),
    );
    stranger.setAttribute("sandbox", "allow-scripts");
    stranger.srcdoc = `<script>
      addEventListener("message", ({ data }) => parent.postMessage({ leak: data }, "*"));
      for (const type of ["ready", "assertion", "forgotten", "close"]) parent.postMessage({ parlour: 1, type, id: 1 }, "*");
      parent.postMessage("asked", "*");
    </script>`;
    document.body.append(stranger);
    await ready;
    window.postMessage({ parlour: 1, type: "assertion", id: 1 }, "*");
    return heard;
  });
  expect(leaked).toEqual([]);

  // The honest call that comes after all of them is the only one that was heard.
  await page.evaluate(() => Parlour.send("thanks"));
  await expect(widget.row("You are welcome!")).toHaveCount(1);
  await expect(widget.mine).toHaveText([/thanks/]);
  await expect(widget.composer).toHaveValue("");
  expect(await page.evaluate(() => Parlour && document.querySelector("[data-parlour]")!.shadowRoot!.querySelectorAll("iframe").length)).toBe(1);
  expect(backend.asked).toBe(asked);
  expect(await texts(parlour, "ann")).toHaveLength(4);
});
