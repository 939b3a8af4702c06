import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, copy, type Browser } from "../test/browser";

const CHAT = `<main role="log"></main><div id="early"></div>
  <template id="early-bubble"><p class="bubble"><span data-text></span></p></template>
  <form data-composer="20"><textarea></textarea><button class="send">Send</button></form><button form="f" value="Prices">Prices</button>`;

const open = (given: object = {}): Browser & { field: any } => {
  const page = browser({ html: CHAT, ...given });
  page.run("inline/early");
  return { ...page, field: page.document.querySelector("textarea") };
};
const write = ({ field, key }: ReturnType<typeof open>, text: string, more?: object) => {
  field.value = text;
  return key(field, "Enter", more);
};
const texts = ({ window }: Browser): string[] => copy<any[]>(window.parlourEarly.sent).map((said: any) => said.text);
const bubbles = ({ document }: Browser): string[] => [...document.querySelectorAll("#early .bubble")].map((bubble: any) => bubble.textContent);
const kept = ({ window }: Browser): string[] => JSON.parse(window.sessionStorage.getItem("unsent:/chat/demo") ?? "[]").map((said: any) => said.text);

test("Enter shows the message, keeps it, and empties the composer", () => {
  const page = open();
  const event = write(page, " hello ");
  assert.ok(event.defaultPrevented);
  assert.deepEqual([texts(page), bubbles(page), kept(page), page.field.value], [["hello"], ["hello"], ["hello"], ""]);
});

test("ids are unique and grow, also within a millisecond and when the clock is set back", () => {
  const page = open();
  page.page("Date.now = () => 5");
  for (const text of ["a", "b"]) write(page, text);
  page.page("Date.now = () => 1");
  write(page, "c");
  assert.deepEqual(copy<any[]>(page.window.parlourEarly.sent).map((said: any) => said.id), [5, 6, 7]);
});

test("what nobody can see is no message, and too long a text stays where it is", () => {
  const page = open();
  for (const text of ["", "  \n", "\u200b\u2800", "x".repeat(21)]) write(page, text);
  assert.deepEqual(texts(page), []);
  assert.equal(page.field.value, "x".repeat(21));
  // Characters are counted, not their halves.
  write(page, "🙂".repeat(20));
  assert.equal(texts(page).length, 1);
});

test("nothing is sent with Shift, or while a word is composed", () => {
  const page = open();
  for (const more of [{ shiftKey: true }, { isComposing: true }, { keyCode: 229 }]) write(page, "か", more);
  assert.deepEqual(texts(page), []);
});

test("on a touch screen Enter makes a new line, with Ctrl it sends", () => {
  const page = open({ touch: true });
  assert.equal(write(page, "a").defaultPrevented, false);
  write(page, "a", { ctrlKey: true });
  assert.deepEqual(texts(page), ["a"]);
});

test("a starter says its own words and leaves alone what is written", () => {
  const page = open();
  page.field.value = "half a sent";
  const submit = new page.window.Event("submit", { bubbles: true, cancelable: true });
  Object.defineProperty(submit, "submitter", { value: page.document.querySelector("[value=Prices]") });
  page.document.querySelector("form").dispatchEvent(submit);
  assert.deepEqual([texts(page), page.field.value], [["Prices"], "half a sent"]);
});

test("what an earlier load left unsent is shown again, unless the transcript has it", () => {
  const page = browser({ html: `<article data-key="own-1"></article>${CHAT}` });
  page.window.sessionStorage.setItem("unsent:/chat/demo", JSON.stringify([{ id: 1, text: "stored" }, { id: 2, text: "not yet" }]));
  page.run("inline/early");
  assert.deepEqual([texts(page), bubbles(page)], [["stored", "not yet"], ["not yet"]]);
});

test("something else under our name in the storage is nothing", () => {
  for (const other of ["null", "7", "{", '"text"']) {
    const page = browser({ html: CHAT });
    page.window.sessionStorage.setItem("unsent:/chat/demo", other);
    page.run("inline/early");
    const field = page.document.querySelector("textarea");
    field.value = "hello";
    page.key(field, "Enter");
    assert.ok(texts(page).includes("hello"), other);
  }
});

test("what was sent is handed over once, and then the script listens no more", () => {
  const page = open();
  write(page, "hello");
  page.document.dispatchEvent(new page.window.Event("compositionstart"));
  assert.equal(page.window.parlourEarly.composing, true);
  assert.deepEqual(copy<any[]>(page.window.parlourEarly.take()).map((said: any) => said.text), ["hello"]);
  assert.ok(page.window.parlourEarly.signal.aborted);
  assert.deepEqual(bubbles(page), []);
  assert.equal(write(page, "later").defaultPrevented, false);
});

test("a browser without storage shows and sends all the same", () => {
  const page = browser({ html: CHAT });
  page.page("Object.defineProperty(window, 'sessionStorage', { get() { throw new Error('refused') } })");
  page.run("inline/early");
  const field = page.document.querySelector("textarea");
  field.value = "hello";
  page.key(field, "Enter");
  assert.deepEqual([texts(page), bubbles(page)], [["hello"], ["hello"]]);
});

test("without WebAssembly the form posts itself", () => {
  const page = browser({ html: CHAT });
  page.window.WebAssembly = undefined;
  page.run("inline/early");
  assert.equal(page.window.parlourEarly, undefined);
});

test("what the tab kept is nothing to another visitor, once", () => {
  const page = browser({ html: CHAT, url: "https://chat.example/chat/demo?lang=en&fresh=1" });
  for (const name of ["unsent", "draft", "last", "other"]) page.window.sessionStorage.setItem(`${name}:/chat/demo`, "1");
  page.run("inline/forget");
  assert.deepEqual(Object.keys(page.window.sessionStorage), ["other:/chat/demo"]);
  assert.equal(page.window.location.search, "?lang=en");
});
