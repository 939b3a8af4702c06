// Measures a click on the launcher, by hand: `node warm.mjs http://127.0.0.1:8080 [runs]` (a started Parlour with the demo bot, or
// several of them, separated by commas, which are then measured in turn).
//
// A website of another site, with the launcher. The pointer comes to it, stays as long as a hand needs (150 ms, or not at all), and
// clicks. By that page's own clock, from the click on: until the frame's composer has what the outline holds and the focus (the first
// `taken` after the click). With the CPU as it is, and slowed four times; then frame and page share a process, or the frame would not
// be slowed.
import { createServer } from "node:http";
import { chromium } from "@playwright/test";

const bases = (process.argv[2] ?? "http://127.0.0.1:8080").split(",");
const runs = Number(process.argv[3] ?? 11);
const SLOWED = [1, 4];
const DWELLS = [150, 0];

// Runs in the website's page before anything else.
function watch() {
  window.seen = {};
  addEventListener("click", () => (window.seen.click ??= performance.now()), true);
  addEventListener("message", ({ data }) => {
    if (window.seen.click && data?.parlour === 1 && data.type === "taken") window.seen.taken ??= performance.now();
  });
}

async function visit(browser, base, slowed, dwell) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  const page = await context.newPage();
  await page.addInitScript(watch);
  await page.goto(`${shop}/?${base}`);
  await page.waitForFunction(() => document.querySelector("[data-parlour]"));
  await page.waitForTimeout(300);
  const tools = await context.newCDPSession(page);
  await tools.send("Emulation.setCPUThrottlingRate", { rate: slowed });
  const [x, y] = [1280 - 48, 720 - 48];
  const mouse = (type, more = {}) => tools.send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1, ...more });
  await mouse("mouseMoved", { button: "none", clickCount: 0 });
  if (dwell) await page.waitForTimeout(dwell);
  await mouse("mousePressed");
  await mouse("mouseReleased");
  await page.waitForFunction(() => window.seen.click && window.seen.taken);
  const { click, taken } = await page.evaluate(() => window.seen);
  await context.close();
  return Math.round(taken - click);
}

const site = createServer(({ url }, answer) => {
  const base = new URL(url, "http://localhost").search.slice(1);
  const script = base && `<script async src="${base}/parlour.js" data-bot="demo"></script>`;
  answer.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>Shop</title><h1>Shop</h1>${script}`);
});
await new Promise((listening) => site.listen(0, "127.0.0.1", listening));
const shop = `http://localhost:${site.address().port}`;
for (const slowed of SLOWED) {
  const together = slowed > 1 ? ["--disable-site-isolation-trials", "--disable-features=IsolateOrigins,site-per-process"] : [];
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", ...together],
  });
  for (const dwell of DWELLS) {
    const seen = new Map(bases.map((base) => [base, []]));
    for (let run = 0; run < runs; run++) for (const base of bases) seen.get(base).push(await visit(browser, base, slowed, dwell));
    for (const [base, times] of seen) {
      times.sort((a, b) => a - b);
      console.log(`CPU/${slowed}, ${dwell} ms on the launcher, ${base}: median ${times[runs >> 1]} ms of`, times.join(" "));
    }
  }
  await browser.close();
}
site.close();
