// Behind a proxy, as docs/deploy.md sets it up: a whole visit at the root of a host and below a path, over TLS.
import { readFile } from "node:fs/promises";
import { Chat } from "../fixtures/chat";
import { frameOf } from "../fixtures/frame";
import { KINDS, PLACES, Proxy, WITHOUT_HTTP, type Fault, type Kind, type Place } from "../fixtures/proxy";
import { expect, test as base } from "../fixtures/test";
import { openOn, Widget } from "../fixtures/widget";

// The certificate is made for the test.
const test = base.extend<{ startProxy: (kind: Kind, place: Place, fault?: Fault) => Promise<Proxy> }>({
  startProxy: async ({}, use) => {
    const started: Proxy[] = [];
    await use(async (kind, place, fault) => {
      const proxy = await Proxy.start(kind, place, fault);
      started.push(proxy);
      return proxy;
    });
    await Promise.all(started.map((proxy) => proxy.remove()));
  },
});
test.use({ ignoreHTTPSErrors: true });

const protocolOfPage = (): string =>
  (performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming).nextHopProtocol;

const times = (text: string, part: string): number => text.split(part).length - 1;

const everywhere: { kind: Kind; place: Place }[] = KINDS.flatMap((kind) => PLACES.map((place) => ({ kind, place })));
everywhere.push({ kind: WITHOUT_HTTP, place: "at the root" });
for (const { kind, place } of everywhere) {
  test(`a whole visit behind ${kind} ${place}`, async ({ page, browser, hostSite, startProxy }) => {
    const proxy = await startProxy(kind, place);
    const { baseURL, parlour } = proxy;
    const { origin, pathname } = new URL(`${baseURL}/`);
    // Nothing is asked for outside the base path, and all of it is there.
    const astray: string[] = [];
    page.on("request", (request) => {
      if (request.url().startsWith(origin) && !request.url().startsWith(`${baseURL}/`)) astray.push(request.url());
    });
    page.on("websocket", (socket) => {
      if (!socket.url().startsWith(`${baseURL.replace("https", "wss")}/rtm/bot?`)) astray.push(socket.url());
    });
    page.on("response", (response) => {
      if (response.url().startsWith(origin) && response.status() >= 400) astray.push(`${response.status()} ${response.url()}`);
    });

    // From the start page to the bot's own page; what is said is answered and can be downloaded.
    await page.goto(`${baseURL}/`);
    expect(await page.evaluate(protocolOfPage)).toBe("h2");
    await page.getByRole("link", { name: "Chat with" }).click();
    await expect(page).toHaveURL(`${baseURL}/chat/demo`);
    const chat = new Chat(page);
    await chat.welcomed();
    await chat.tell("hello");
    await expect(chat.row("Nice to meet you")).toBeVisible();
    await page.getByRole("button", { name: "More options" }).click();
    const download = page.waitForEvent("download");
    await page.getByText("Download transcript").click();
    expect(await readFile(await (await download).path(), "utf8")).toContain("Nice to meet you");
    const [cookie] = await page.context().cookies(`${baseURL}/chat/demo`);
    expect(cookie).toMatchObject({
      name: place === "at the root" ? "__Host-parlour-visitor" : "__Secure-parlour-visitor",
      path: pathname,
      secure: true,
    });
    await page.reload();
    await expect(chat.row("Nice to meet you")).toBeVisible();

    // On the demo page, in a frame of our own.
    await page.goto(`${baseURL}/demo`);
    await (await openOn(page, baseURL)).online();

    // On a customer's page: signed, said, answered, and forgotten by `logout`.
    hostSite.serve("/favicon.ico", "");
    const script = `<script async src="${baseURL}/parlour.js" data-bot="demo"></script>`;
    await page.goto(hostSite.serve("/", `<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>${script}</html>`));
    const widget = await openOn(page, baseURL);
    await widget.welcomed();
    await widget.say("thanks");
    await expect(widget.row("You are welcome!")).toHaveCount(1);
    const left = page.waitForEvent("framenavigated", (frame) => frame.url().startsWith(`${baseURL}/embed/`));
    await page.evaluate("Parlour.logout()");
    await left;
    const fresh = new Widget(await frameOf(page, baseURL));
    await fresh.welcomed();
    await expect(fresh.row("You are welcome!")).toHaveCount(0);
    expect(astray).toEqual([]);

    // Without JavaScript, and where there is nothing.
    const context = await browser.newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true });
    const plain = await context.newPage();
    await plain.goto(`${baseURL}/nowhere`);
    await plain.getByRole("link").click();
    await expect(plain).toHaveURL(`${baseURL}/`);
    await plain.goto(`${baseURL}/chat/demo`);
    const form = new Chat(plain);
    await form.composer.fill("hello");
    await form.sendButton.click({ force: true });
    await expect(plain).toHaveURL(`${baseURL}/chat/demo`);
    await expect(form.row("Nice to meet you")).toHaveCount(1);
    await context.close();

    // A socket's address holds its ticket, and no log may.
    await page.goto("about:blank");
    await expect.poll(() => proxy.hasLoggedSocket()).toBe(true);
    expect(await proxy.accessLog()).not.toContain("sid=");
    expect(parlour.output).not.toContain("sid=");
    expect(parlour.output, "nothing is wrong with the proxy").not.toContain("WARN");
  });
}

test("a proxy that does not say https gets a page and a line that name the header", async ({ page, startProxy }) => {
  const without = (text: string) => text.replaceAll(/^.*X-Forwarded-Proto.*$/gm, "");
  const { baseURL, parlour } = await startProxy("nginx", "at the root", { proxy: without });
  for (const address of ["/chat/demo", "/"]) {
    const answer = await page.goto(baseURL + address);
    expect(answer?.status()).toBe(403);
    await expect(page.getByText("X-Forwarded-Proto")).toBeVisible();
  }
  await parlour.stop();
  expect(times(parlour.output, "let it send the header X-Forwarded-Proto")).toBe(1);
});

test("a proxy that is not listed gets a page and a line that name the setting", async ({ page, startProxy }) => {
  const elsewhere = (text: string) => text.replace(/^trusted_proxies = .*$/m, 'trusted_proxies = ["192.0.2.1"]');
  const { baseURL, parlour } = await startProxy("nginx", "at the root", { parlour: elsewhere });
  for (const address of ["/chat/demo", "/"]) {
    const answer = await page.goto(baseURL + address);
    expect(answer?.status()).toBe(403);
    await expect(page.getByText("server.trusted_proxies")).toBeVisible();
  }
  await parlour.stop();
  expect(times(parlour.output, "not in server.trusted_proxies")).toBe(1);
  expect(parlour.output).toContain("peer=127.0.0.1");
});

test("a proxy that lets no WebSocket through is told what it lacks, once", async ({ page, startProxy }) => {
  const without = (text: string) => text.replaceAll(/^.*(Upgrade|Connection) \$.*$/gm, "");
  const { baseURL, parlour } = await startProxy("nginx", "at the root", { proxy: without });
  let refused = 0;
  page.on("websocket", (socket) => socket.on("close", () => refused++));
  await page.goto(`${baseURL}/chat/demo`);
  await expect.poll(() => refused).toBeGreaterThan(1);
  await parlour.stop();
  expect(times(parlour.output, "proxy_set_header Upgrade")).toBe(1);
});

test("a proxy that is less patient than the time between two pings makes quiet chats reconnect", async ({ page, startProxy }) => {
  // With sockets only: a page may take its time.
  const impatient = (text: string) =>
    text.replace(/^    location \/ (\{.*?)^    \}\n/ms, (all, inside) => `${all}    location /rtm/ ${inside}proxy_read_timeout 2s;\n    }\n`);
  const { baseURL } = await startProxy("nginx", "at the root", { proxy: impatient });
  let closed = 0;
  page.on("websocket", (socket) => socket.on("close", () => closed++));
  await page.goto(`${baseURL}/chat/demo`);
  await new Chat(page).welcomed();
  await expect.poll(() => closed).toBeGreaterThan(2);
});
