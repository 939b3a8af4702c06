import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, copy, type Browser } from "../test/browser";

const HOST = "https://shop.example";
const FORM = `<div id="early"></div><template id="early-bubble"><p><span data-text></span></p></template>
  <form data-composer><textarea></textarea></form><button data-act="close">Close</button>`;

const open = ({ html = FORM, query = `?origin=${HOST}`, inFrame = true } = {}): Browser & { field: any } => {
  const page = browser({ url: `https://chat.example/embed/demo${query}`, html, inFrame });
  page.run("inline/early");
  page.run("inline/hand_over", { "data-brand": "#204080" });
  return { ...page, field: page.document.querySelector("textarea") };
};
const types = ({ toHost }: Browser): string[] => toHost.map(({ data }) => data.type);
const hear = ({ window }: Browser, data: unknown, { origin = HOST, source = window.parent } = {}): void => {
  const event = new window.Event("message");
  Object.assign(event, { data, origin, source });
  window.dispatchEvent(event);
};
const take = (more: object) => ({ parlour: 1, type: "take", said: [], text: "", start: 0, end: 0, focus: false, ...more });
const sent = ({ window }: Browser): string[] => copy<any[]>(window.parlourEarly.sent).map((said: any) => said.text);

test("a page with a composer says so, with its language and the bot's colour, to the named origin only", () => {
  const { toHost, document } = open();
  assert.deepEqual(copy(toHost), [{ to: HOST, data: { parlour: 1, type: "loaded", lang: document.documentElement.lang, brand: "#204080" } }]);
});

test("a page that says why there is no chat is told from one that has it", () => {
  assert.deepEqual(types(open({ html: "<main>Not here</main>" })), ["refused"]);
});

test("a page of its own, or in a frame that names no website, says nothing", () => {
  for (const given of [{ inFrame: false }, { query: "" }, { query: "?origin=null" }, { query: "?origin=javascript:alert(1)" }]) {
    assert.deepEqual(open(given).toHost, [], JSON.stringify(given));
  }
});

test("only the page around the frame is heard, from the origin that was named", () => {
  const page = open();
  const words = take({ text: "forged" });
  hear(page, words, { origin: "https://evil.example" });
  hear(page, words, { source: page.window });
  hear(page, { ...words, parlour: 2 });
  hear(page, null);
  assert.deepEqual([page.field.value, types(page)], ["", ["loaded"]]);
});

test("what was said in the outline is said, and what is written there stands in the composer with its cursor", () => {
  const page = open();
  hear(page, take({ said: ["one", "two"], text: "thr", start: 1, end: 2, focus: true }));
  assert.deepEqual(sent(page), ["one", "two"]);
  assert.deepEqual([page.field.value, page.field.selectionStart, page.field.selectionEnd], ["thr", 1, 2]);
  assert.equal(page.document.activeElement, page.field);
  assert.deepEqual(types(page), ["loaded", "taken"]);
});

test("it goes below what stands there already", () => {
  const page = open();
  page.field.value = "a draft";
  hear(page, take({ said: ["now"], text: "more", start: 4, end: 4 }));
  assert.deepEqual([sent(page), page.field.value, page.field.selectionStart], [["now"], "a draft\nmore", 12]);
});

test("a later piece goes on where the last one ended, and what it ends becomes the message", () => {
  const page = open();
  hear(page, take({ text: "he", start: 2, end: 2 }));
  hear(page, take({ text: "llo", start: 3, end: 3, on: true }));
  assert.equal(page.field.value, "hello");
  hear(page, take({ said: [" there"], on: true }));
  assert.deepEqual([sent(page), page.field.value], [["hello there"], ""]);
});

test("Escape and the close button close the window until the wasm takes over", () => {
  const page = open();
  page.key(page.document.body, "Escape", { isComposing: true });
  page.key(page.document.body, "Escape");
  page.document.querySelector("button").click();
  assert.deepEqual(types(page), ["loaded", "close", "close"]);
  page.window.parlourEarly.take();
  page.key(page.document.body, "Escape");
  assert.deepEqual(types(page), ["loaded", "close", "close"]);
});

test("a page that was fetched before its window was opened waits for the loader's word", async () => {
  assert.equal(open().window.parlourHold, undefined);
  const page = open({ query: `?origin=${HOST}&warm=1` });
  let open_ = false;
  page.window.parlourHold.then(() => (open_ = true));
  hear(page, { parlour: 1, type: "wake" }, { origin: "https://evil.example" });
  await Promise.resolve();
  assert.equal(open_, false);
  hear(page, { parlour: 1, type: "wake" });
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(open_, true);
});
