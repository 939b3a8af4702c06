import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, copy, type Browser, type Message } from "../test/browser";

const CHAT = "https://chat.example";

interface Page extends Browser {
  launcher: any;
  shadow: any;
  /** Messages to the frame. */
  toFrame: Message[];
  frame(): any;
  /** The query of the frame's address. */
  query(): Record<string, string>;
  say(data: object, from?: { origin?: string; source?: unknown }): void;
  touch(type: string): void;
}

function open({ attributes = 'data-bot="demo"', before = "", language = "en", kept = {} as Record<string, string> } = {}): Page {
  const page = browser({ url: "https://shop.example/", html: `<main>Shop</main><script src="${CHAT}/parlour.js" ${attributes}></script>` });
  const { window } = page;
  const toFrame: Message[] = [];
  const contentWindow = { postMessage: (data: Message["data"], to: string) => toFrame.push(copy({ data, to })) };
  Object.defineProperty(window.HTMLIFrameElement.prototype, "contentWindow", { get: () => contentWindow });
  Object.defineProperty(window.navigator, "languages", { value: [language] });
  let shadow: any;
  const attach = window.Element.prototype.attachShadow;
  window.Element.prototype.attachShadow = function (this: any) {
    return (shadow = attach.call(this, { mode: "open" }));
  };
  // Deadlines are a matter for the browser's stories.
  window.setTimeout = () => 0;
  for (const [name, value] of Object.entries(kept)) window.sessionStorage.setItem(name, value);
  page.page(before);
  page.run("parlour");
  const frame = () => shadow.querySelector("iframe");
  return {
    ...page,
    shadow,
    launcher: shadow?.querySelector(".launcher"),
    toFrame,
    frame,
    query: () => Object.fromEntries(new URL(frame().src).searchParams),
    say: (data, { origin = CHAT, source = contentWindow } = {}) => {
      const event = new window.Event("message");
      Object.assign(event, { data: { parlour: 1, ...data }, origin, source });
      window.dispatchEvent(event);
    },
    touch: (type) => shadow.querySelector(".launcher").dispatchEvent(new window.Event(type)),
  };
}
const types = ({ toFrame }: Page): string[] => toFrame.map(({ data }) => data.type);
const label = ({ launcher }: Page): string => launcher.getAttribute("aria-label");

test("before anybody comes near the launcher there is no frame, no connection, nothing stored", () => {
  const page = open();
  assert.equal(page.frame(), null);
  assert.equal(page.document.querySelectorAll("link, iframe").length, 0);
  assert.equal(page.window.sessionStorage.length, 0);
  assert.deepEqual(page.asked, []);
});

for (const type of ["pointerenter", "touchstart", "focus"]) {
  test(`the first sign of interest (${type}) fetches the page of the frame, which sleeps until the window is opened`, () => {
    const page = open();
    page.touch(type);
    page.touch(type);
    assert.equal(page.shadow.querySelectorAll("iframe").length, 1);
    assert.deepEqual(page.query(), { origin: "https://shop.example", lang: "en", warm: "1" });
    page.say({ type: "loaded" });
    page.say({ type: "taken" });
    assert.deepEqual(types(page), ["take"]);
    page.launcher.click();
    assert.deepEqual(types(page), ["take", "wake", "take"]);
    assert.equal(page.toFrame.at(-1)!.data.focus, true);
    assert.equal(page.shadow.querySelectorAll("iframe").length, 1);
  });
}

test("a window that is opened while its page is on its way wakes it when it comes", () => {
  const page = open();
  page.touch("pointerenter");
  page.launcher.click();
  assert.deepEqual(types(page), []);
  page.say({ type: "loaded" });
  assert.deepEqual(types(page), ["wake", "take"]);
});

test("a window that is opened just before its page takes over gives it the focus", () => {
  const page = open();
  page.touch("pointerenter");
  page.say({ type: "loaded" });
  page.launcher.click();
  page.say({ type: "taken" });
  const takes = page.toFrame.map(({ data }) => data).filter(({ type }) => type === "take");
  assert.deepEqual(takes.map(({ focus }) => focus), [false, true]);
  assert.equal(page.shadow.querySelector(".there"), null);
  page.say({ type: "taken" });
  assert.ok(page.shadow.querySelector(".there"));
});

test("a call that opens nothing wakes it too", () => {
  const page = open();
  page.touch("pointerenter");
  page.say({ type: "loaded" });
  page.page('Parlour.send("hello")');
  assert.deepEqual(types(page), ["take", "wake"]);
  page.say({ type: "ready", name: "Demo bot" });
  assert.deepEqual(types(page), ["take", "wake", "hidden", "send"]);
});

test("a page that is asked for by the click itself is awake from the start", () => {
  const page = open();
  page.launcher.click();
  assert.equal(page.query().warm, undefined);
});

test("a refusal that nobody asked for is thrown away: who opens the window asks again", () => {
  const page = open();
  page.touch("pointerenter");
  page.say({ type: "refused" });
  assert.equal(page.frame(), null);
  page.launcher.click();
  page.say({ type: "refused" });
  assert.ok(page.frame());
  assert.ok(page.shadow.querySelector(".refused.there"));
});

test("the focus that comes back to the launcher asks for nothing", () => {
  const page = open();
  page.page("var fail; setTimeout = (fn, ms) => { if (ms === 30_000) fail = fn; return 0 }");
  page.launcher.click();
  page.page("Parlour.close()");
  page.window.fail();
  assert.equal(page.frame(), null, "nobody waits for it");
  page.touch("focus");
  assert.equal(page.frame(), null);
});

test("another visitor is told to a page that was only warm by another page, which is as asleep", () => {
  const page = open();
  page.touch("pointerenter");
  page.page("Parlour.setAssertion(() => 'jwt')");
  assert.equal(page.frame(), null);
  page.touch("pointerenter");
  assert.deepEqual(page.query(), { origin: "https://shop.example", lang: "en", identity: "host", fresh: "1", warm: "1" });
});

test("messages wait until the frame is ready, and keep their order", () => {
  const page = open();
  page.page('Parlour.prefill("a"); Parlour.send("b")');
  page.say({ type: "loaded" });
  assert.deepEqual(types(page), ["wake", "take"]);
  page.say({ type: "ready" });
  assert.deepEqual(page.toFrame.slice(2).map(({ to, data }) => [to, data.type, data.text]), [[CHAT, "hidden", undefined], [CHAT, "prefill", "a"], [CHAT, "send", "b"]]);
});

test("calls that were made before the loader came are made then, in their order, and pushed ones at once", () => {
  const page = open({ before: 'var seen = []; var Parlour = { q: [["on", "open", () => seen.push("open")], ["open"], ["unknown"], (api) => seen.push(typeof api.send)] }' });
  page.page('Parlour.q.push(["close"], () => seen.push("pushed"))');
  assert.deepEqual(copy(page.window.seen), ["open", "function", "pushed"]);
});

test("only the frame is heard, from the chat's origin, in its own words", () => {
  const page = open();
  page.launcher.click();
  const unread = { type: "unread", count: 3, text: "hi" };
  page.page("Parlour.close()");
  page.say(unread, { origin: "https://evil.example" });
  page.say(unread, { source: page.window });
  page.say({ ...unread, parlour: 2 });
  page.say({ type: "constructor" });
  for (const count of [-1, 1.5, "3", null]) page.say({ ...unread, count });
  assert.equal(label(page), "Open chat");
  page.say(unread);
  assert.equal(label(page), "Open chat, 3 unread");
});

test("what was written in the outline is handed over until nothing new was written", () => {
  const page = open();
  page.launcher.click();
  const field = page.shadow.querySelector("textarea");
  field.value = "said";
  page.key(field, "Enter");
  field.value = "wri";
  page.say({ type: "loaded" });
  field.value = "tten";
  page.say({ type: "taken" });
  page.say({ type: "taken" });
  const takes = page.toFrame.map(({ data }) => data).filter(({ type }) => type === "take");
  assert.deepEqual(takes.map(({ said, text, on }) => ({ said, text, on })), [
    { said: ["said"], text: "wri", on: false },
    { said: [], text: "tten", on: true },
  ]);
  assert.ok(page.shadow.querySelector(".there"));
});

test("settings that cannot work are told, and nothing else happens", () => {
  const said: string[] = [];
  const page = open({ attributes: "", before: "" });
  assert.equal(page.window.Parlour, undefined);
  const fault = browser({ url: "https://shop.example/", html: `<script src="${CHAT}/parlour.js" data-bot=""></script>` });
  fault.window.console.error = (line: string) => said.push(line);
  fault.run("parlour");
  assert.deepEqual(said, ['Parlour: say which bot, like data-bot="demo".']);
  assert.equal(fault.window.Parlour, undefined);
});

test("the tab's memory opens the window again, without the focus; what the page wants counts once", () => {
  assert.ok(open({ kept: { "parlour:demo": "open" } }).shadow.querySelector(".open.still"));
  const wanted = 'data-bot="demo" data-open="true"';
  assert.ok(open({ attributes: wanted }).shadow.querySelector(".open"));
  assert.equal(open({ attributes: wanted, kept: { "parlour:demo": "closed" } }).shadow.querySelector(".open"), null);
});

test("the launcher speaks the page's language, else the visitor's, else what the bot answered last", () => {
  assert.equal(label(open({ attributes: 'data-bot="demo" data-lang="de-CH"', language: "ar" })), "Chat öffnen");
  assert.equal(label(open({ language: "de-AT" })), "Chat öffnen");
  assert.equal(label(open({ language: "ja" })), "Open chat");
  assert.equal(label(open({ language: "en", kept: { "parlour:demo:look": "en de #123456" } })), "Chat öffnen");
  assert.equal(label(open({ language: "ar", kept: { "parlour:demo:look": "en de #123456" } })), "فتح المحادثة");
});

test("destroy takes everything away", () => {
  const page = open();
  page.launcher.click();
  page.page("Parlour.destroy()");
  assert.equal(page.document.querySelectorAll("[data-parlour]").length, 0);
  assert.equal(page.window.Parlour, undefined);
});
