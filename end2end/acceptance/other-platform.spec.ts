// The real platform's place can be taken by another server: A has the widget and signs, B is the platform.
import { writeFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import type { Parlour, ParlourOptions } from "../fixtures/parlour";
import { APP, Caller, testApp } from "../fixtures/platform";
import { expect, test } from "../fixtures/test";
import { Widget } from "../fixtures/widget";

// Another host than A's (`127.0.0.1`), so another site.
const addressOf = (b: Parlour) => `http://localhost:${b.port}`;

// B lets A's pages in and nobody else's, so A's port must be known before A knows B's.
async function twoServers(start: (options: ParlourOptions) => Promise<Parlour>): Promise<{ a: Parlour; b: Parlour }> {
  const a = await start({ config: testApp() });
  const b = await start({ config: testApp({ origins: [a.baseURL] }) });
  await writeFile(a.configFile, testApp({ more: `[platform]\nbase_url = "${addressOf(b)}/api/"\napp = "${APP}"\n` }));
  await a.restart();
  return { a, b };
}

// Whom the page speaks for, and with which token: both go over the wire to B.
function eavesdrop(page: Page): { identity(): string; token(): string } {
  let identity: string | undefined;
  let token: string | undefined;
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.endsWith("/jwtgrant")) {
      const [, claims] = request.postDataJSON().assertion.split(".");
      identity = JSON.parse(Buffer.from(claims, "base64url").toString()).sub;
    }
    if (pathname.endsWith("/rtm/start")) token = request.headers().authorization?.replace("bearer ", "");
  });
  return { identity: () => identity!, token: () => token! };
}

test("the widget of one server chats through another, which alone keeps what was said", async ({ page, startParlour }) => {
  const { a, b } = await twoServers(startParlour);
  const wire = eavesdrop(page);
  const calls: string[] = [];
  page.on("request", (request) => calls.push(request.url()));
  const sockets: string[] = [];
  page.on("websocket", (socket) => sockets.push(socket.url()));

  await page.goto(`${a.baseURL}/chat/demo`);
  const widget = new Widget(page);
  await widget.welcomed();
  await widget.say("my name is Ann");
  await expect(widget.row("Pleased to meet you, Ann!")).toHaveCount(1);
  await widget.settled();

  const toA = calls.filter((url) => url.startsWith(`${a.baseURL}/api/`)).map((url) => url.slice(a.baseURL.length));
  expect(new Set(toA)).toEqual(new Set(["/api/users/sts"]));
  expect(calls).toContain(`${addressOf(b)}/api/oAuth/token/jwtgrant`);
  expect(sockets.map((url) => new URL(url).origin)).toEqual([`ws://localhost:${b.port}`]);

  // In B's store, and not in A's, where the same person has never been.
  const atB = () => Caller.with(b, wire.token()).history();
  const said = [
    { from: "bot", text: expect.stringContaining("Parlour demo bot") },
    { from: "bot", text: expect.stringContaining("Where shall we start?") },
    { from: "visitor", text: "my name is Ann" },
    { from: "bot", text: "Pleased to meet you, Ann!" },
  ];
  expect(await atB()).toMatchObject(said);
  expect(await (await Caller.as(a, wire.identity())).history()).toEqual([]);

  // B goes away for a moment: the widget comes back by itself, with neither welcome nor doubles.
  await b.restart();
  await widget.online();
  await expect.poll(() => sockets.length).toBeGreaterThan(1);
  await widget.say("thanks");
  await expect(widget.row("You are welcome!")).toHaveCount(1);
  await widget.settled();
  await expect(widget.rows).toHaveCount(6);
  expect(await atB()).toMatchObject([...said, { text: "thanks" }, { text: "You are welcome!" }]);

  // A page of A's knows nothing of it before it has asked B.
  await page.reload();
  await expect(widget.rows).toHaveCount(6);
  await widget.online();
  await expect(widget.row("Pleased to meet you, Ann!")).toHaveCount(1);
  expect(await atB()).toHaveLength(6);
});

test.describe("the policy of its pages", () => {
  test.use({ expectedProblems: ["Content Security Policy"] });

  test("lets the widget connect to that platform and to nothing else", async ({ page, startParlour, parlour }) => {
    const { a, b } = await twoServers(startParlour);
    for (const path of ["/chat/demo", "/embed/demo"]) {
      const answer = await page.request.get(a.baseURL + path);
      const policy = answer.headers()["content-security-policy"];
      const connect = policy.split(";").map((part) => part.trim()).find((part) => part.startsWith("connect-src "));
      const own = new URL(a.baseURL).host;
      expect(connect?.split(" ").slice(1).sort(), path).toEqual(
        ["'self'", `ws://${own}`, addressOf(b), addressOf(b).replace("http", "ws")].sort(),
      );
    }
    await page.goto(`${a.baseURL}/chat/demo`);
    await new Widget(page).welcomed();
    const called = (url: string) =>
      page.evaluate(async (url) => {
        const refused = new Promise((resolve) => document.addEventListener("securitypolicyviolation", (event) => resolve(event.blockedURI)));
        return fetch(url).then(({ status }) => status, () => refused);
      }, url);
    expect(await called(`${addressOf(b)}/api/nothing`)).toBe(404);
    // A third one would let this page in, so only the policy stands before it.
    expect(await called(`${parlour.baseURL}/api/nothing`)).toContain(parlour.baseURL);
  });
});

test("a platform that does not list the widget's origin refuses it, and the visitor is told", async ({ page, startParlour }) => {
  const b = await startParlour({ config: testApp({ origins: ["https://elsewhere.example"] }) });
  const a = await startParlour({
    config: testApp({ more: `[platform]\nbase_url = "${addressOf(b)}/api/"\napp = "${APP}"\n` }),
  });
  const wire = eavesdrop(page);
  await page.goto(`${a.baseURL}/chat/demo`);
  const widget = new Widget(page);
  await widget.say("anybody there?");
  // The browser hides a refusal of another origin from scripts: for the widget it is a lost connection.
  await expect(widget.notice).toBeVisible();
  await expect(widget.mine).toHaveText(/anybody there\?/);
  expect(await (await Caller.as(b, wire.identity())).history()).toEqual([]);
});
