// A server that is asked to end, as by an update: nobody loses anything, and widgets come back by themselves.
import type { WebSocket } from "@playwright/test";
import { expect, test } from "../fixtures/test";
import { Caller } from "../fixtures/platform";
import { Widget } from "../fixtures/widget";

// The code with which a socket ends is told to the page only, so it is noted there.
const noteCloseCodes = () => {
  const codes: number[] = [];
  const Original = window.WebSocket;
  class Noted extends Original {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      // gloo-net makes one of its own when the widget lets go of a socket.
      this.addEventListener("close", ({ code, isTrusted }) => isTrusted && codes.push(code));
    }
  }
  Object.assign(window, { WebSocket: Noted, closeCodes: codes });
};

test("on SIGTERM an open widget hears 1001, the server ends cleanly, and after a restart the widget is back", async ({
  page,
  startParlour,
}) => {
  const parlour = await startParlour();
  await page.addInitScript(noteCloseCodes);
  let token = "";
  page.on("request", (request) => {
    if (request.url().endsWith("/rtm/start")) token = request.headers().authorization.replace("bearer ", "");
  });
  const sockets: WebSocket[] = [];
  page.on("websocket", (socket) => sockets.push(socket));
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const widget = new Widget(page);
  await widget.welcomed();
  await widget.say("hello");
  await expect(widget.row("Nice to meet you")).toHaveCount(1);

  const asked = process.hrtime.bigint();
  expect(await parlour.stop()).toBe(0);
  expect(Number(process.hrtime.bigint() - asked) / 1e9).toBeLessThan(10);
  // The one that was open; what was tried since then found nobody.
  await expect.poll(() => page.evaluate("closeCodes[0]")).toBe(1001);
  expect(parlour.output).not.toContain("ended before everything was finished");

  // Said while nobody is there: kept, and sent when the server is back.
  await widget.say("thanks");
  await expect(widget.mine.last()).toHaveText(/thanks.*Sending/s);
  await expect(widget.notice).toBeVisible();

  await parlour.launch();
  await expect(widget.row("You are welcome!")).toHaveCount(1);
  await expect(widget.notice).toBeHidden();
  await widget.settled();
  await expect(widget.rows).toHaveCount(6);
  expect(sockets.length).toBeGreaterThan(1);
  expect((await Caller.with(parlour, token).history()).map(({ text }) => text)).toEqual([
    expect.stringContaining("Parlour demo bot"),
    expect.stringContaining("Where shall we start?"),
    "hello",
    expect.stringContaining("Nice to meet you"),
    "thanks",
    "You are welcome!",
  ]);
});

test("what was acknowledged before a SIGTERM is answered after the restart", async ({ page, startParlour }) => {
  const parlour = await startParlour();
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const widget = new Widget(page);
  await widget.welcomed();
  await Promise.all([widget.say("three messages"), parlour.restart()]);
  await expect(widget.row("and the last.")).toHaveCount(1);
  await widget.settled();
  await expect(widget.mine).toHaveCount(1);
  await expect(widget.rows).toHaveCount(6);
});

test("a draining server says so to a balancer and goes on serving", async ({ page, startParlour }) => {
  const parlour = await startParlour({ env: { PARLOUR_SERVER__DRAIN_DELAY: "6s" } });
  await page.goto(`${parlour.baseURL}/chat/demo`);
  await new Widget(page).welcomed();
  const ready = async () => (await page.request.get(`${parlour.baseURL}/readyz`)).status();
  expect(await ready()).toBe(200);
  parlour.signal("SIGTERM");
  // Still serving, but no balancer sends anybody here.
  await expect.poll(ready, { intervals: [50] }).toBe(503);
  expect((await page.request.get(`${parlour.baseURL}/livez`)).status()).toBe(200);
  expect(await parlour.stop()).toBe(0);
});
