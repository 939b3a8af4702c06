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
  const note = (name, there) => {
    if (!there || name in seen) return;
    seen[name] = performance.now();
    if (name === "composer") { there.focus(); window.ready(""); }
  };
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
  // Real keys as soon as there is something to type into. Not Playwright's own, which asks a slowed page many questions first.
  await tools.send("Runtime.enable");
  await tools.send("Runtime.addBinding", { name: "ready" });
  tools.once("Runtime.bindingCalled", async () => {
    const enter = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" };
    tools.send("Input.insertText", { text: "hello" });
    tools.send("Input.dispatchKeyEvent", { type: "keyDown", ...enter });
    tools.send("Input.dispatchKeyEvent", { type: "keyUp", ...enter });
  });
  await page.goto(`${base}/chat/demo`, { waitUntil: "commit" });
  const started = Date.now();
  while (!(await page.evaluate(() => "answered" in window.seen)) && Date.now() - started < 15_000) await new Promise((go) => setTimeout(go, 250));
  const seen = await page.evaluate(() => {
    const [navigation] = performance.getEntriesByType("navigation");
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const wasm = performance.getEntriesByType("resource").find((it) => it.name.endsWith(".wasm"));
    return { ...window.seen, response: navigation.responseStart, painted: paint?.startTime, alive: wasm?.responseEnd };
  });
  if (!("answered" in seen)) console.log("not answered:", JSON.stringify(seen), await page.evaluate(() => document.body.innerText.slice(0, 300)));
  rows.push(Object.fromEntries(NAMES.map((name) => [name, Math.round(seen[name])])));
  await context.close();
}
await browser.close();
const median = (name) => rows.map((row) => row[name]).sort((a, b) => a - b)[Math.floor(rows.length / 2)];
console.table(rows);
console.log("median", Object.fromEntries(NAMES.map((name) => [name, median(name)])));
