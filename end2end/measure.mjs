// Measures what a visitor waits for, by hand: `node measure.mjs http://127.0.0.1:8080` (a started Parlour).
// Slow 4G as Chromium's own tools name it, CPU slowed down four times, empty caches, ten runs.
// From the start of the navigation: composer usable, typed message stands in the transcript, acknowledged.
import { chromium } from "@playwright/test";

const base = process.argv[2] ?? "http://127.0.0.1:8080";
const runs = Number(process.argv[3] ?? 10);
const SLOW_4G = { offline: false, latency: 562.5, downloadThroughput: 180_000, uploadThroughput: 84_375 };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const rows = [];
for (let run = 0; run < runs; run++) {
  const context = await browser.newContext({ viewport: { width: 390, height: 780 } });
  const page = await context.newPage();
  const tools = await context.newCDPSession(page);
  await tools.send("Network.enable");
  await tools.send("Network.emulateNetworkConditions", SLOW_4G);
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  const start = performance.now();
  const since = () => Math.round(performance.now() - start);
  const loading = page.goto(`${base}/chat/demo`, { waitUntil: "commit" });
  await page.locator("textarea").waitFor({ timeout: 30_000 });
  const composer = since();
  await page.keyboard.press("Tab");
  await page.locator("textarea").pressSequentially("hello");
  await page.keyboard.press("Enter");
  await page.getByText("hello", { exact: true }).first().waitFor({ timeout: 30_000 });
  const shown = since();
  await page.locator("article[data-state=sent], [data-key^=own-]:has([data-delivery=sent]), [data-key^=own-]")
    .first().waitFor({ timeout: 60_000 });
  await page.getByText("Nice to meet you").first().waitFor({ timeout: 60_000 });
  rows.push({ composer, shown, answered: since() });
  await loading;
  await context.close();
}
await browser.close();
const median = (name) => rows.map((row) => row[name]).sort((a, b) => a - b)[Math.floor(rows.length / 2)];
console.table(rows);
console.log("median", { composer: median("composer"), shown: median("shown"), answered: median("answered") });
