// The promise to those who come from Kore: the official client works with this server as it is.
import type { Page } from "@playwright/test";
import { Cable } from "../fixtures/cable";
import { Official } from "../fixtures/official";
import type { Parlour } from "../fixtures/parlour";
import { APP, Caller, SECRET, assertionFor, testApp } from "../fixtures/platform";
import { expect, test } from "../fixtures/test";

const ANN = "ann@example.test";
const WELCOME = ["Parlour demo bot", "Where shall we start?"];

const ways = [
  {
    name: "its own JWT request",
    prefix: "/api/",
    identity: (base: string) => `
      options.JWTUrl = "${base}/api/users/sts";
      options.userIdentity = "${ANN}";
      options.clientId = "${APP}";
      options.clientSecret = "${SECRET}";`,
    cut: async (_: Cable, parlour: Parlour) => parlour.restart("kill"),
    cutName: "a crash of the server",
  },
  {
    name: "an assertion of the host page",
    prefix: "/api/1.1/",
    identity: () => `
      config.JWTAsertion = async (commit) => { chat.setJWT(await sign()); commit(); };`,
    cut: async (cable: Cable) => cable.cut(),
    cutName: "a cut network",
  },
];

for (const { name, prefix, identity, cut, cutName } of ways) {
  test(`the official client chats with ${name} over ${prefix}, also after ${cutName} and a reload`, async ({
    page,
    startParlour,
    hostSite,
  }) => {
    const parlour = await startParlour({ config: testApp() });
    const cable = await Cable.to(parlour);
    await page.exposeFunction("sign", () => assertionFor(ANN));
    const answered = watchCalls(page, prefix);
    const astray: string[] = [];
    page.on("request", (request) => request.url().endsWith("/undefined") && astray.push(request.url()));
    const client = await Official.open(page, hostSite, { api: cable.baseURL + prefix, identity: identity(cable.baseURL) });
    const stored = async () => (await Caller.as(parlour, ANN, prefix)).history();
    const welcomes = async () => (await stored()).filter(({ text }) => text.includes(WELCOME[1])).length;

    // Grant, start, and exactly one welcome, on the screen and in the store.
    await expect(client.rows).toHaveCount(2);
    await expect(client.rows.nth(0)).toContainText(WELCOME[0]);
    await expect(client.rows.nth(1)).toContainText(WELCOME[1]);
    expect((await stored()).map(({ from }) => from)).toEqual(["bot", "bot"]);
    expect(answered).toEqual(expect.arrayContaining(["oAuth/token/jwtgrant 200", "rtm/start 200"]));
    expect(new URL(client.sockets[0]).searchParams.has("isReconnect")).toBe(false);

    // A message: acknowledged under its own id, before the answer; the answer is drawn.
    await client.say("hello");
    await expect(client.rows.nth(3)).toContainText("Nice to meet you");
    const hello = await client.acknowledged();
    expect(hello.message).toEqual({ body: "hello" });
    const after = client.frames.slice(client.frames.findIndex(({ data }) => data === hello));
    const types = after.map(({ data }) => data.type).filter((type) => !["ping", "pong"].includes(type));
    expect(types).toEqual([undefined, "ack", "bot_response"]);
    await expect(client.rows.nth(2)).toContainText("hello");
    expect((await stored()).slice(2)).toMatchObject([
      { from: "visitor", text: "hello", clientId: hello.clientMessageId },
      { from: "bot", text: /Nice to meet you/ },
    ].map((line) => ({ ...line, text: expect.stringMatching(line.text) })));

    // A button template, and its click: the bot gets the payload, the visitor sees the title.
    await client.say("buttons");
    await client.choose(page.locator(".buttonTmplContentBox li", { hasText: "Check balance" }));
    await expect(client.rows.nth(7)).toContainText("Your balance is");
    expect((await client.acknowledged()).message).toEqual({ body: "BAL", renderMsg: "Check balance" });
    await expect(client.rows.nth(6)).toHaveText(/Check balance/);
    expect((await stored())[6]).toMatchObject({ from: "visitor", text: "BAL", shown: "Check balance" });

    // Quick replies the same way; they go away.
    await client.say("quick replies");
    await client.choose(page.locator(".quickReply", { hasText: "Tea" }));
    await expect(client.rows.nth(11)).toContainText("A cup of tea");
    expect((await client.acknowledged()).message).toEqual({ body: "drink tea", renderMsg: "Tea" });
    await expect(page.locator(".quickReply", { hasText: "Coffee" })).toBeHidden();
    expect((await stored())[10]).toMatchObject({ text: "drink tea", shown: "Tea" });

    // The socket is cut: the client comes back by itself, says so, and is not welcomed again.
    expect(client.sockets).toHaveLength(1);
    await cut(cable, parlour);
    await expect.poll(() => client.sockets.length).toBe(2);
    expect(new URL(client.sockets[1]).searchParams.get("isReconnect")).toBe("true");
    await client.say("tell me a joke");
    await expect(client.rows.filter({ hasText: "mix up Halloween" })).toHaveCount(1);
    await client.acknowledged();
    expect(client.frames.filter(({ socket, data }) => socket === 1 && data.type === "bot_response")).toHaveLength(1);
    expect(await welcomes()).toBe(1);

    // A reload shows what is stored, in its order and once, and no welcome.
    const newest = (await stored()).slice(-10).map(({ id }) => id);
    await page.reload();
    await expect(page.getByText("End of chat history")).toBeVisible();
    await expect.poll(() => client.rows.evaluateAll((rows) => rows.map((row) => row.id))).toEqual(newest);
    await expect(client.rows.filter({ hasText: "Your balance is" })).toHaveCount(1);
    await expect(client.rows.filter({ hasText: "Check balance" }).last()).toBeVisible();
    await client.say("thanks");
    await expect(client.rows.last()).toContainText("You are welcome!");
    expect(await welcomes()).toBe(1);
    expect(astray, "the client found an address for every picture").toEqual([]);
    await cable.remove();
  });
}

test("the official client shows an answer that others see growing once and whole", async ({ page, startParlour, hostSite }) => {
  const parlour = await startParlour({ config: testApp() });
  await page.exposeFunction("sign", () => assertionFor(ANN));
  const client = await Official.open(page, hostSite, { api: `${parlour.baseURL}/api/`, identity: ways[1].identity(parlour.baseURL) });
  await expect(client.rows).toHaveCount(2);
  await client.say("stream");
  await expect(client.rows.nth(3)).toContainText("and this is the");
  await expect(client.rows.nth(3)).toContainText("This answer comes");
  // What comes after it would show a second one.
  await client.say("thanks");
  await expect(client.rows.nth(5)).toContainText("You are welcome!");
  await expect(client.rows).toHaveCount(6);
  const answers = client.frames.filter(({ by, data }) => by === "server" && data.type === "bot_response").map(({ data }) => data);
  expect(answers.filter(({ sM }) => sM !== undefined)).toEqual([]);
  const stored = await (await Caller.as(parlour, ANN)).history();
  expect(stored.filter(({ text }) => text.includes("This answer comes")).map(({ id }) => id)).toEqual([answers.at(-2).messageId]);
});

test("the official client with a wrong secret is told so, and nothing is opened", async ({ page, parlour, hostSite }) => {
  const refused = page.waitForResponse((answer) => answer.url().endsWith("/api/users/sts"));
  const client = await Official.open(page, hostSite, {
    api: `${parlour.baseURL}/api/`,
    identity: ways[0].identity(parlour.baseURL).replace(SECRET, "a-wrong-secret").replace(APP, "cs-demo"),
  });
  const answer = await refused;
  expect(answer.status()).toBe(401);
  expect(await answer.json()).toEqual({ errors: [{ msg: "Invalid SDK credentials", code: 4002 }] });
  expect(client.sockets).toEqual([]);
  await expect(client.rows).toHaveCount(0);
});

// `path status` of each answered call below the prefix.
function watchCalls(page: Page, prefix: string): string[] {
  const calls: string[] = [];
  page.on("response", (answer) => {
    const { pathname } = new URL(answer.url());
    if (pathname.startsWith(prefix)) calls.push(`${pathname.slice(prefix.length)} ${answer.status()}`);
  });
  return calls;
}
