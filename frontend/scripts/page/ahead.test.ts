import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, copy, json, settled, type Asked, type Browser } from "../test/browser";

const SETTINGS = { bot: { name: "Demo bot", id: "st-1" }, platform: { base: "/api/", sign_url: "/users/sts" }, texts: { language: "de" } };
const [SIGN, GRANT, START] = ["/users/sts", "/api/oAuth/token/jwtgrant", "/api/rtm/start"];

const answers: Record<string, () => Response> = {
  [SIGN]: () => json({ jwt: "signed" }),
  [GRANT]: () => json({ userInfo: { userId: "u-1" }, authorization: { accessToken: "token" } }),
  [START]: () => json({ url: "wss://chat.example/rtm" }),
};

const open = (given: { answer?: (asked: Asked) => Promise<Response>; locks?: string[]; cookies?: boolean } = {}): Browser => {
  const page = browser({ html: `<script type="application/json" id="settings">${JSON.stringify(SETTINGS)}</script>`, answer: async ({ url }) => answers[url]!(), ...given });
  let jar = "";
  Object.defineProperty(page.document, "cookie", { get: () => jar, set: (cookie) => (jar = given.cookies === false ? "" : cookie.split(";")[0]) });
  page.window.parlourEarly = {};
  page.window.setTimeout = () => {};
  page.run("inline/ahead");
  return page;
};
const urls = ({ asked }: Browser): string[] => asked.map(({ url }) => url);

test("assertion, grant and start are asked for, each with the body that the wasm sends", async () => {
  const page = open();
  assert.deepEqual(page.asked, [], "not before it is told to");
  page.window.parlourAhead.go();
  await settled();
  const botInfo = { chatBot: "Demo bot", taskBotId: "st-1", uiVersion: "v3" };
  const type = { "Content-Type": "application/json" };
  assert.deepEqual(copy(page.asked), [
    { url: SIGN, method: "POST", headers: type, body: { bot: "st-1" } },
    { url: GRANT, method: "POST", headers: type, body: { assertion: "signed", botInfo } },
    { url: START, method: "POST", headers: { ...type, Authorization: "bearer token" }, body: { botInfo, language: "de" } },
  ]);
});

test("each answer is given once, unread, and nobody else's", async () => {
  const page = open();
  page.window.parlourAhead.go();
  // At once: the wasm may come before the answers.
  const taken = [SIGN, GRANT, START].map((url) => page.window.parlourAhead.take(url));
  const bodies = await Promise.all(taken.map(async (answer) => (await answer).json()));
  assert.deepEqual(bodies.map((body) => Object.keys(body)[0]), ["jwt", "userInfo", "url"]);
  for (const url of [SIGN, GRANT, START, "/api/other"]) assert.equal(page.window.parlourAhead.take(url), undefined);
});

test("a step that fails ends it: its answer is given, and the next ones are for the wasm to ask for", async () => {
  const page = open({ answer: async ({ url }) => (url === GRANT ? json({}, 503) : answers[url]!()) });
  page.window.parlourAhead.go();
  await settled();
  assert.deepEqual(urls(page), [SIGN, GRANT]);
  assert.equal((await page.window.parlourAhead.take(GRANT)).status, 503);
  await assert.rejects(page.window.parlourAhead.take(START));
});

test("without a network every step is for the wasm to ask for", async () => {
  const page = open({ answer: () => Promise.reject(new TypeError("failed")) });
  page.window.parlourAhead.go();
  await settled();
  assert.deepEqual(urls(page), [SIGN]);
  for (const url of [SIGN, GRANT, START]) await assert.rejects(page.window.parlourAhead.take(url));
});

test("where another tab of the same visitor leads, no ticket is asked for", async () => {
  const page = open({ locks: ["parlour:st-1:u-1"] });
  page.window.parlourAhead.go();
  await settled();
  assert.deepEqual(urls(page), [SIGN, GRANT]);
  await assert.rejects(page.window.parlourAhead.take(START));
});

test("another visitor's tab is not one's own", async () => {
  const page = open({ locks: ["parlour:st-1:u-2", "parlour:st-2:u-1"] });
  page.window.parlourAhead.go();
  await settled();
  assert.deepEqual(urls(page), [SIGN, GRANT, START]);
});

test("a ticket that nobody took is forgotten before its 30 seconds are over", async () => {
  const page = open();
  const late: (() => void)[] = [];
  page.window.setTimeout = (fn: () => void, ms: number) => ms < 30_000 && late.push(fn);
  page.window.parlourAhead.go();
  await settled();
  assert.equal(late.length, 1);
  late[0]!();
  assert.equal(page.window.parlourAhead.take(START), undefined);
  assert.ok(page.window.parlourAhead.take(GRANT), "the token lasts longer");
});

test("where cookies are refused only the wasm knows who the visitor is", async () => {
  const page = open({ cookies: false });
  page.window.parlourAhead.go();
  await settled();
  assert.deepEqual(page.asked, []);
});

test("a browser without WebAssembly asks for nothing", async () => {
  const page = open();
  page.window.parlourEarly = undefined;
  page.window.parlourAhead.go();
  await settled();
  assert.deepEqual(page.asked, []);
});
