// Measures what a visitor waits for, by hand: `node measure.mjs http://127.0.0.1:8080 [runs]` (a started Parlour).
// Slow 4G as Chromium's own tools name it, CPU slowed down four times, empty caches. The page's own clock is read, from the start of
// the navigation: the screen painted, the composer there, the typed message standing in the transcript, acknowledged, answered.
import { chromium } from "@playwright/test";

const base = process.argv[2] ?? "http://127.0.0.1:8080";
const runs = Number(process.argv[3] ?? 10);
const SLOW_4G = { offline: false, latency: 562.5, downloadThroughput: 180_000, uploadThroughput: 84_375 };
const NAMES = ["response", "painted", "composer", "typed", "shown", "alive", "acknowledged", "answered"];

// Runs in the page before anything else: notes when each thing was first there.
function watch() {
  const seen = {};
  window.seen = seen;
  const note = (name, there) => { if (there && !(name in seen)) seen[name] = performance.now(); };
  addEventListener("keydown", (event) => note("typed", event.key === "Enter"), true);
  new MutationObserver(() => {
    note("composer", document.querySelector("textarea:not([disabled])"));
    const hello = (place) => [...document.querySelectorAll(place)].some((it) => it.textContent.includes("hello"));
    note("shown", hello("#early, .mine"));
    note("acknowledged", hello("article.mine:not(.sending, .failed)"));
    note("answered", document.body?.innerText.includes("Nice to meet you"));
  }).observe(document, { childList: true, subtree: true, attributes: true });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const rows = [];
for (let run = 0; run < runs; run++) {
  const context = await browser.newContext({ viewport: { width: 390, height: 780 } });
  const page = await context.newPage();
  await page.addInitScript(watch);
  const tools = await context.newCDPSession(page);
  await tools.send("Network.enable");
  await tools.send("Network.emulateNetworkConditions", SLOW_4G);
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  const loading = page.goto(`${base}/chat/demo`, { waitUntil: "commit" });
  await page.locator("textarea").focus({ timeout: 30_000 });
  await page.keyboard.insertText("hello");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => "answered" in window.seen, undefined, { timeout: 60_000 });
  const seen = await page.evaluate(() => {
    const [navigation] = performance.getEntriesByType("navigation");
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const wasm = performance.getEntriesByType("resource").find((it) => it.name.endsWith(".wasm"));
    return { ...window.seen, response: navigation.responseStart, painted: paint?.startTime, alive: wasm?.responseEnd };
  });
  rows.push(Object.fromEntries(NAMES.map((name) => [name, Math.round(seen[name])])));
  await loading;
  await context.close();
}
await browser.close();
const median = (name) => rows.map((row) => row[name]).sort((a, b) => a - b)[Math.floor(rows.length / 2)];
console.table(rows);
console.log("median", Object.fromEntries(NAMES.map((name) => [name, median(name)])));
