// What bad input gets, over the wire of the real binary: an answer in Kore's shape, never a 5xx, and nothing is lost.
import { readFile, readdir } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { APIRequestContext, APIResponse, Page } from "@playwright/test";
import { handshake } from "../fixtures/handshake";
import type { HostSite } from "../fixtures/host-site";
import type { Parlour } from "../fixtures/parlour";
import { APP, BOT, Caller, assertionFor, testApp, type SignOptions } from "../fixtures/platform";
import { failedStart, type StartOptions } from "../fixtures/start";
import { expect, test } from "../fixtures/test";
import { Widget } from "../fixtures/widget";

const JSON_BODY = { "content-type": "application/json" };
const ANYWHERE = "https://evil.example";

async function koreError(answer: APIResponse): Promise<{ msg: string; code: number }> {
  const body = await answer.json();
  expect(Object.keys(body)).toEqual(["errors"]);
  expect(body.errors).toEqual([{ msg: expect.any(String), code: expect.any(Number) }]);
  return body.errors[0];
}

test.describe("bodies", () => {
  const huge = JSON.stringify({ assertion: "x".repeat(70_000) });
  const bodies: [string, string | Buffer, string, number][] = [
    ["nothing", "", "application/json", 400],
    ["half a document", '{"assertion":"', "application/json", 400],
    ["a list", "[]", "application/json", 400],
    ["no object", "null", "application/json", 400],
    ["objects where strings belong", '{"assertion":{"$ne":1},"clientId":{},"bot":{},"botInfo":{"taskBotId":{}}}', "application/json", 400],
    ["numbers where objects belong", '{"botInfo":7,"assertion":7,"clientId":[7]}', "application/json", 400],
    ["deep nesting", `{"botInfo":${"[".repeat(9000)}`, "application/json", 400],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x7b]), "application/json", 400],
    ["too much", huge, "application/json", 413],
    ["another type", "assertion=x", "text/plain", 415],
  ];
  test("what cannot be used gets its status in Kore's shape on every route and prefix", async ({ request, startParlour }) => {
    const parlour = await startParlour({ config: testApp() });
    const { token } = await Caller.as(parlour, "ann");
    for (const [name, data, type, status] of bodies) {
      for (const prefix of ["/api/", "/api/1.1/"]) {
        for (const route of ["users/sts", "oAuth/token/jwtgrant", "oAuth/token/jwtgrant/anonymous", "rtm/start"]) {
          const headers = { "content-type": type, authorization: `bearer ${token}` };
          const answer = await request.post(parlour.baseURL + prefix + route, { headers, data: Buffer.from(data) });
          expect(answer.status(), `${name} for ${prefix}${route}: ${await answer.text()}`).toBe(status);
          expect((await koreError(answer)).code, name).toBe(status);
        }
      }
    }
  });

  test("a wrong token, method, address or query gets its own answer", async ({ request, startParlour }) => {
    const parlour = await startParlour({ config: testApp() });
    const { token } = await Caller.as(parlour, "ann");
    const bearer = { authorization: `bearer ${token}` };
    const cases: [string, string, Record<string, string>, number][] = [
      ["GET", `botmessages/rtm?botId=${BOT}`, {}, 401],
      ["GET", `botmessages/rtm?botId=${BOT}`, { authorization: "bearer nobody" }, 401],
      ["GET", `websdkthemes/${BOT}/activetheme`, {}, 401],
      ["POST", "oAuth/token/revoke", { authorization: "basic YTpi" }, 401],
      ["GET", "botmessages/rtm", bearer, 400],
      ["GET", `botmessages/rtm?botId=${BOT}&limit=many`, bearer, 400],
      ["GET", "botmessages/rtm?botId=st-nobody", bearer, 404],
      ["GET", "rtm/start", bearer, 405],
      ["GET", "nothing", bearer, 404],
    ];
    for (const [method, route, headers, status] of cases) {
      for (const prefix of ["/api/", "/api/1.1/"]) {
        const answer = await request.fetch(parlour.baseURL + prefix + route, { method, headers });
        expect(answer.status(), `${method} ${route}`).toBe(status);
        expect((await koreError(answer)).code, `${method} ${route}`).toBe(status);
      }
    }
  });
});

test.describe("assertions", () => {
  const grant = (request: APIRequestContext, parlour: Parlour, assertion: string, headers = {}) =>
    request.post(`${parlour.baseURL}/api/oAuth/token/jwtgrant`, { headers: { ...JSON_BODY, ...headers }, data: { assertion } });
  const now = () => Math.floor(Date.now() / 1000);
  const credentials = { msg: "Invalid SDK credentials", code: 4002 };
  const claim = (name: string, fault: string) => ({ msg: `error verifying the jwt: the claim "${name}" ${fault}`, code: 401 });

  const cases: [string, () => SignOptions, { msg: string; code: number }][] = [
    ["a wrong signature", () => ({ secret: "another-secret-that-nobody-has-agreed-on" }), credentials],
    ["no algorithm", () => ({ header: { alg: "none" } }), credentials],
    ["another algorithm", () => ({ header: { alg: "HS512" } }), credentials],
    ["a public key's algorithm", () => ({ header: { alg: "RS256" } }), credentials],
    ["an unknown kid", () => ({ header: { kid: "test-2" } }), credentials],
    ["a kid that is a path", () => ({ header: { kid: "../../dev/null" } }), credentials],
    ["an unknown app", () => ({ claims: { iss: "cs-nobody" } }), credentials],
    ["a past", () => ({ claims: { iat: now() - 900, exp: now() - 600 } }), { msg: "error verifying the jwt: jwt expired", code: 401 }],
    ["a future", () => ({ claims: { iat: now() + 600, exp: now() + 900 } }), { msg: "error verifying the jwt: jwt not active", code: 401 }],
    ["a long life and a jti", () => ({ claims: { exp: now() + 7200 } }), { msg: 'error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)', code: 401 }],
    ["a too long life", () => ({ claims: { jti: undefined, exp: now() + 90_000 } }), { msg: 'error verifying the jwt: "exp" is too far from "iat"', code: 401 }],
    ["another audience", () => ({ claims: { aud: "https://elsewhere.example" } }), { msg: "error verifying the jwt: jwt audience invalid", code: 401 }],
    ["no subject", () => ({ claims: { sub: undefined } }), claim("sub", "is missing")],
    ["a subject that is an object", () => ({ claims: { sub: { $ne: null } } }), claim("sub", "is neither a text nor a whole number")],
    ["an end that is a word", () => ({ claims: { exp: "tomorrow" } }), claim("exp", "is not a number of seconds")],
    ["an end before its begin", () => ({ claims: { iat: now(), exp: now() - 10 } }), claim("exp", 'lies before "iat"')],
    ["no end", () => ({ claims: { exp: undefined } }), claim("exp", "is missing")],
  ];

  test("each kind of wrong one gets 401 with Kore's text and code", async ({ request, startParlour }) => {
    const parlour = await startParlour({ config: testApp() });
    for (const [name, options, error] of cases) {
      const answer = await grant(request, parlour, assertionFor("ann", options()));
      expect(answer.status(), name).toBe(401);
      expect(await koreError(answer), name).toEqual(error);
    }
    for (const text of ["", "a.b", "a.b.c", "a.b.c.d", "eyJhbGciOiJIUzI1NiJ9..", "é.é.é", "x".repeat(20_000)]) {
      const answer = await grant(request, parlour, text);
      expect([400, 401], text.slice(0, 20)).toContain(answer.status());
      await koreError(answer);
    }
    expect(await (await Caller.as(parlour, "ann")).history()).toEqual([]);
  });

  test("one with a jti works once", async ({ request, startParlour }) => {
    const parlour = await startParlour({ config: testApp() });
    const assertion = assertionFor("ann");
    expect((await grant(request, parlour, assertion)).status()).toBe(200);
    await parlour.restart("kill");
    const again = await grant(request, parlour, assertion);
    expect(again.status()).toBe(401);
    expect(await koreError(again)).toEqual({ msg: "error verifying the jwt: possibly a replay", code: 401 });
  });

  test("what honest clients vary is taken: milliseconds, words for booleans, a second audience", async ({ request, startParlour }) => {
    const parlour = await startParlour({ config: testApp() });
    for (const claims of [
      { iat: Date.now(), exp: Date.now() + 300_000 },
      { iat: Date.now(), exp: Date.now() + 300_000.5 },
      { isAnonymous: "false" },
      { aud: "https://idproxy.kore.ai/authorize" },
      { jti: undefined, exp: now() + 86_000 },
    ]) {
      expect((await grant(request, parlour, assertionFor("ann", { claims }))).status(), JSON.stringify(claims)).toBe(200);
    }
  });

  test("a page outside the app's origins gets nothing, neither signed nor granted nor started", async ({ request, startParlour }) => {
    const parlour = await startParlour({ config: testApp() });
    const { token } = await Caller.as(parlour, "ann");
    for (const origin of [ANYWHERE, "null", "http://localhost.evil.example", "https://localhost:1"]) {
      const headers = { ...JSON_BODY, origin, authorization: `bearer ${token}` };
      const signed = await request.post(`${parlour.baseURL}/api/users/sts`, { headers, data: { bot: BOT } });
      const granted = await grant(request, parlour, assertionFor("ann"), { origin });
      const data = { botInfo: { chatBot: "x", taskBotId: BOT } };
      const started = await request.post(`${parlour.baseURL}/api/rtm/start`, { headers, data });
      for (const answer of [signed, granted, started]) {
        expect(answer.status(), `${origin} ${answer.url()}`).toBe(403);
        expect((await koreError(answer)).code).toBe(403);
        expect(answer.headers()["access-control-allow-origin"]).toBeUndefined();
      }
    }
  });

  test("an identity that a page merely claims is not signed", async ({ request, startParlour }) => {
    const parlour = await startParlour({ config: testApp() });
    const sign = (data: object, origin: string) =>
      request.post(`${parlour.baseURL}/api/users/sts`, { headers: { ...JSON_BODY, origin }, data });
    for (const [data, origin] of [
      [{ clientId: APP, identity: "ann" }, "http://localhost:3000"],
      [{ clientId: APP, identity: "ann", clientSecret: "guessed" }, "http://localhost:3000"],
      [{ bot: BOT, identity: "ann" }, parlour.baseURL],
      [{ clientId: "cs-nobody", identity: "ann" }, "http://localhost:3000"],
    ] as const) {
      const answer = await sign(data, origin);
      expect(answer.status(), JSON.stringify(data)).toBe(401);
      expect(await koreError(answer)).toEqual(credentials);
    }
    const unknown = await sign({ bot: "st-nobody" }, parlour.baseURL);
    expect([unknown.status(), (await koreError(unknown)).code]).toEqual([404, 404]);
  });
});

test.describe("tickets", () => {
  test("a used, old, foreign or made-up one is refused before there is a socket", async ({ startParlour }) => {
    const parlour = await startParlour({ config: testApp() });
    const ann = await Caller.as(parlour, "ann");
    const refused = async (url: string, status: number, headers = {}) => {
      const answer = await handshake(url, headers);
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body).errors[0].code).toBe(status);
    };
    const used = await ann.start();
    expect((await handshake(used)).status).toBe(101);
    await refused(used, 401);
    await refused(await ann.start(), 403, { origin: ANYWHERE });
    await refused(await ann.start(), 403, { origin: "null" });
    const { host } = new URL(used);
    for (const query of ["", "?sid=", "?sid=made-up", `?sid=${"x".repeat(5000)}`, "?after=0"]) {
      await refused(`ws://${host}/rtm/bot${query}`, 401);
    }
    // Where they get old soon.
    const soon = await startParlour({ config: testApp({ more: '[tokens]\nticket_life = "1s"\n' }) });
    const old = await (await Caller.as(soon, "ann")).start();
    const made = Date.now();
    await expect.poll(() => Date.now() - made).toBeGreaterThan(1100);
    await refused(old, 401);
    // Not an upgrade at all.
    const plain = await fetch((await ann.start()).replace("ws", "http"));
    expect([plain.status, (await plain.json()).errors[0].code]).toEqual([400, 400]);
  });
});

test.describe("frames", () => {
  // In the browser: see `socketOf`.
  const wire: { socket: WebSocket; heard: any[]; code?: number } = undefined as never;
  // A socket in the browser, on a customer's page, with everything that it heard.
  async function socketOf(page: Page, site: HostSite, ann: Caller): Promise<void> {
    await page.goto(site.serve("/", "<!doctype html><title>Shop</title>"));
    const url = await ann.start();
    await page.evaluate(async (url) => {
      const wire = { socket: new WebSocket(url), heard: [] as any[], code: undefined as number | undefined };
      Object.assign(window, { wire });
      wire.socket.onmessage = ({ data }) => wire.heard.push(JSON.parse(data));
      wire.socket.onclose = ({ code }) => (wire.code = code);
      await new Promise((resolve) => (wire.socket.onopen = resolve));
    }, url);
  }
  const put = (page: Page, ...frames: (string | object)[]) =>
    page.evaluate((frames) => {
      for (const frame of frames) wire.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    }, frames);
  const heard = (page: Page, id: unknown) => page.evaluate((id) => wire.heard.find((frame: any) => frame.replyto === id), id);
  const say = (id: unknown, body: unknown) => ({ clientMessageId: id, resourceid: "/bot.message", message: { body }, id });

  test("bad ones are answered or ignored, and the conversation goes on", async ({ page, startParlour, hostSite }) => {
    const parlour = await startParlour({ config: testApp() });
    const ann = await Caller.as(parlour, "ann");
    await socketOf(page, hostSite, ann);
    await put(page, "", "{", "[]", "null", "7", '{"type":"what is this"}', `${"[".repeat(5000)}`, { resourceid: "/bot.other", event: "typing" });
    await page.evaluate(() => wire.socket.send(new Uint8Array([1, 2, 3])));
    await put(page, say(1, { an: "object" }), say(2, "   "), say(3, "x".repeat(10_001)), { ...say(4, "hello"), botInfo: 7 }, say("five", "hello"));
    const refusals: [unknown, number][] = [
      [1, 400],
      [2, 400],
      [3, 413],
    ];
    for (const [id, code] of refusals) {
      await expect.poll(() => heard(page, id)).toMatchObject({ type: "error", errors: [{ msg: expect.any(String), code }] });
    }
    await expect.poll(() => heard(page, "five")).toMatchObject({ type: "ack", ok: true });
    expect(await page.evaluate("wire.code")).toBeUndefined();
    const said = (await ann.history()).filter(({ from }) => from === "visitor");
    expect(said.filter(({ clientId }) => clientId !== 4)).toMatchObject([{ text: "hello", clientId: "five" }]);
  });

  const ends: [string, string, number][] = [
    ["a frame that is too large", "wire.socket.send('x'.repeat(70_000))", 1009],
    ["texts that are too long, in a flood", "for (let i = 0; i < 120; i++) wire.socket.send(JSON.stringify({ clientMessageId: i, resourceid: '/bot.message', message: { body: 'x'.repeat(10_001) } }))", 1008],
    ["binary frames, again and again", "for (let i = 0; i < 120; i++) wire.socket.send(new Uint8Array(9))", 1003],
    ["a flood", "for (let i = 0; i < 500; i++) wire.socket.send(JSON.stringify({ clientMessageId: i, resourceid: '/bot.message', message: { body: 'x' } }))", 1008],
  ];
  for (const [name, script, code] of ends) {
    test(`${name} ends the socket with ${code}, and what was acknowledged before is stored`, async ({ page, startParlour, hostSite }) => {
      const parlour = await startParlour({ config: testApp() });
      const ann = await Caller.as(parlour, "ann");
      await socketOf(page, hostSite, ann);
      await put(page, say("before", "hello"));
      await expect.poll(() => heard(page, "before")).toMatchObject({ type: "ack" });
      await page.evaluate(script);
      await expect.poll(() => page.evaluate("wire.code")).toBe(code);
      const acknowledged: unknown[] = await page.evaluate("wire.heard.filter(({ type }) => type === 'ack').map(({ replyto }) => replyto)");
      const stored = async () => (await ann.history()).filter(({ from }) => from === "visitor").map(({ clientId }) => clientId);
      expect(await stored()).toEqual(acknowledged);
      // Nobody is locked out by it.
      await socketOf(page, hostSite, ann);
      await put(page, say("after", "thanks"));
      await expect.poll(() => heard(page, "after")).toMatchObject({ type: "ack" });
    });
  }

  test("a visitor whose text is too long keeps it, and is told by how much", async ({ page, parlour }) => {
    await page.goto(`${parlour.baseURL}/chat/demo`);
    const widget = new Widget(page);
    await widget.welcomed();
    const long = "long ".repeat(2002).trim();
    await widget.composer.fill(long);
    await widget.composer.press("Enter");
    await expect(page.locator("#count")).toHaveText("9 characters too many");
    await expect(widget.composer).toHaveValue(long);
    await expect(widget.mine).toHaveCount(0);
    await widget.say("hello");
    await expect(widget.row("Nice to meet you")).toHaveCount(1);
  });
});

test.describe("pages", () => {
  test.use({ expectedProblems: ["frame-ancestors"] });

  test("an unknown bot and an unknown address are told in a friendly way, with 404", async ({ page, parlour, expectAccessible }) => {
    for (const [address, title] of [
      ["/chat/nobody", "Nobody by that name"],
      ["/embed/nobody", "Nobody by that name"],
      ["/no/such/page", "Nothing here"],
    ]) {
      const answer = await page.goto(parlour.baseURL + address);
      expect(answer?.status(), address).toBe(404);
      await expect(page.getByRole("heading", { name: title })).toBeVisible();
      await expectAccessible(page);
    }
    await page.goto(`${parlour.baseURL}/chat/nobody`);
    await page.getByRole("link", { name: "To the start page" }).click();
    await expect(page).toHaveURL(`${parlour.baseURL}/`);
  });

  test("a page outside the app's origins cannot embed the bot: 403 and a hint, and browsers frame nothing", async ({
    page,
    request,
    startParlour,
    hostSite,
  }) => {
    const parlour = await startParlour({ config: testApp({ origins: ["https://shop.example"] }) });
    for (const [query, headers] of [
      [`?origin=${encodeURIComponent(ANYWHERE)}`, {}],
      ["", { referer: `${ANYWHERE}/page` }],
      ["?origin=https%3A%2F%2Fshop.example", { referer: `${ANYWHERE}/page` }],
    ] as const) {
      const answer = await request.get(`${parlour.baseURL}/embed/demo${query}`, { headers });
      expect(answer.status(), query).toBe(403);
      expect(await answer.text()).toContain("Not available on this site");
      expect(await answer.text()).not.toContain("<textarea");
    }
    const allowed = await request.get(`${parlour.baseURL}/embed/demo?origin=https%3A%2F%2Fshop.example`);
    expect(allowed.status()).toBe(200);
    expect(allowed.headers()["content-security-policy"]).toMatch(/frame-ancestors 'self' https:\/\/shop\.example$/);

    // A page that lies about itself gets the frame, and its visitor's browser does not show it.
    const refusals: string[] = [];
    page.on("console", (message) => refusals.push(message.text()));
    const lie = `${parlour.baseURL}/embed/demo?origin=https%3A%2F%2Fshop.example`;
    const html = `<!doctype html><title>Shop</title><iframe referrerpolicy="no-referrer" src="${lie}"></iframe>`;
    await page.goto(hostSite.serve("/", html));
    await expect.poll(() => page.frames()[1]?.url()).toBe("chrome-error://chromewebdata/");
    await expect.poll(() => refusals.join()).toContain("frame-ancestors 'self' https://shop.example");
  });

  test("a form post from another site is refused, and nothing is said", async ({ request, startParlour }) => {
    const parlour = await startParlour();
    const form = { text: "forged" };
    const foreign = await request.post(`${parlour.baseURL}/chat/demo`, { form, headers: { origin: ANYWHERE }, maxRedirects: 0 });
    expect(foreign.status()).toBe(403);
    expect(foreign.headers()["set-cookie"]).toBeUndefined();
    const long = await request.post(`${parlour.baseURL}/chat/demo`, { form: { text: "x".repeat(10_001) }, headers: { origin: parlour.baseURL }, maxRedirects: 0 });
    expect(long.status()).toBe(413);
  });
});

test.describe("starts", () => {
  const weak = `${testApp().replace(/secret = ".*"/, 'secret = "too-short"')}`;
  const starts: [string, StartOptions, RegExp[]][] = [
    ["a data folder that cannot be made", { files: { file: "" }, arguments: ["--data", "file/data"] }, [/file\/data/, /--data/]],
    ["a database that is none", { files: { "parlour.db": "certainly not a database" }, arguments: ["--data", "."] }, [/database/, /restore a backup|move the file away/]],
    ["an unknown key", { files: { "a.toml": '[server]\nlisten_on = "x"\n' }, arguments: ["--config", "a.toml"] }, [/a\.toml/, /server\.listen_on/, /did you mean|keys here/]],
    ["an unknown key of the environment", { env: { PARLOUR_SERVER__LISTEN_ON: "x" } }, [/PARLOUR_SERVER__LISTEN_ON/]],
    ["a file that is no TOML", { files: { "a.toml": "[server\n" }, arguments: ["--config", "a.toml"] }, [/a\.toml/, /line 1/]],
    ["a file that is not there", { arguments: ["--config", "a.toml"] }, [/a\.toml/, /no such file/]],
    ["a weak secret", { files: { "a.toml": weak }, arguments: ["--config", "a.toml"] }, [/apps\.cs-test/, /32/, /openssl rand/]],
    ["a bot that is not there", { files: { "a.toml": '[apps.cs-x]\nbots = ["st-x"]\n' }, arguments: ["--config", "a.toml"] }, [/apps\.cs-x\.bots/, /\[bots\.st-x\]/]],
    ["a script with a mistake", { files: { "a.toml": testApp({ more: 'script = "s.toml"\n' }), "s.toml": "[[rule]]\nwhen = 7\n" }, arguments: ["--config", "a.toml"] }, [/s\.toml/]],
  ];
  for (const [name, options, says] of starts) {
    test(`${name} ends with exit code 2 and one sentence that says what to do`, async () => {
      const { code, out, error } = failedStart(options);
      expect(code, error + out).toBe(2);
      expect(error).toMatch(/^parlour: [^\n]+\n$/);
      expect(out).toBe("");
      for (const part of says) expect(error).toMatch(part);
      expect(error, "no secret in an error").not.toContain("too-short");
    });
  }

  test("a taken port ends with exit code 2 and one sentence that says what to do", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const { code, error } = failedStart({ arguments: ["--listen", `127.0.0.1:${port}`] });
    expect(code, error).toBe(2);
    expect(error).toMatch(/^parlour: [^\n]+\n$/);
    expect(error).toContain(`127.0.0.1:${port} is taken`);
    expect(error).toContain("--listen");
    other.close();
  });
});

test("the secrets turn up in no answer, no file of the site and no line of the log", async ({ page, startParlour }) => {
  const parlour = await startParlour({ env: { PARLOUR_LOG__LEVEL: "trace" } });
  const files = (await readdir(parlour.data)).filter((name) => name.endsWith(".secret"));
  expect(files.sort()).toEqual(["demo-app.secret", "visitor.secret"]);
  const secrets = await Promise.all(files.map(async (name) => (await readFile(path.join(parlour.data, name), "utf8")).trim()));
  const forms = secrets.flatMap((secret) => [secret, Buffer.from(secret).toString("base64").replace(/=+$/, ""), Buffer.from(secret).toString("hex")]);
  const clean = (what: string, bytes: Buffer) => {
    for (const form of forms) expect(bytes.includes(form), `a secret in ${what}`).toBe(false);
  };

  // All that a browser gets in a whole conversation, and each token that went over the wire meanwhile.
  const bodies: Promise<void>[] = [];
  const tokens: string[] = [];
  page.on("response", (answer) =>
    bodies.push(
      answer.body().then(
        (body) => {
          clean(answer.url(), body);
          clean(`the head of ${answer.url()}`, Buffer.from(JSON.stringify(answer.headers())));
          if (/users\/sts|jwtgrant|rtm\/start/.test(answer.url())) {
            const reply = JSON.parse(body.toString());
            tokens.push(reply.jwt ?? reply.authorization?.accessToken ?? new URL(reply.url).searchParams.get("sid"));
          }
        },
        () => {},
      ),
    ),
  );
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => clean("a frame", Buffer.from(payload))));
  for (const address of ["/", "/demo", "/embed/demo", "/chat/nobody", "/chat/demo"]) await page.goto(parlour.baseURL + address);
  const widget = new Widget(page);
  await widget.welcomed();
  await widget.say("a text that no log may hold");
  await expect(widget.row("I did not understand")).toHaveCount(1);
  await widget.settled();
  await Promise.all(bodies);
  expect(tokens.length).toBeGreaterThanOrEqual(3);

  // Refusals, also of those who know the secret and make a mistake.
  for (const body of [
    { clientId: "cs-demo", clientSecret: secrets[0], identity: { bad: 1 } },
    { clientId: "cs-demo", clientSecret: `${secrets[0]}x`, identity: "ann" },
    { clientId: "cs-demo", clientSecret: secrets[0], identity: "ann", aud: "nobody" },
    { bot: BOT, visitor: secrets[1] },
  ]) {
    const answer = await page.request.post(`${parlour.baseURL}/api/users/sts`, { data: body });
    clean(JSON.stringify(Object.keys(body)), await answer.body());
  }

  // Every file of the site, the wasm unpacked.
  const site = process.env.PARLOUR_SITE!;
  const all = (await readdir(site, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  expect(all.some(({ name }) => name.endsWith(".wasm"))).toBe(true);
  for (const entry of all) {
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    const bytes = await readFile(file);
    clean(file, file.endsWith(".br") ? brotliDecompressSync(bytes) : file.endsWith(".gz") ? gunzipSync(bytes) : bytes);
  }

  expect(await parlour.stop()).toBe(0);
  clean("the log", Buffer.from(parlour.output));
  for (const token of tokens) expect(parlour.output.includes(token), "a token in the log").toBe(false);
  expect(parlour.output).not.toContain("a text that no log may hold");
});
