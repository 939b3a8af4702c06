// Measures what a visitor waits for, by hand: `node measure.mjs http://127.0.0.1:8080 [runs]` (a started Parlour).
// Slow 4G as Chromium's own tools name it, CPU slowed down four times, empty caches. The page's own clock is read, from the start of
// the navigation: the screen painted, the composer there and listening, the typed message standing in the transcript, acknowledged, answered.
// In turn with it a page of one heading, one sentence, a text field and a line of script: no chat can be heard sooner on this machine.
import { createServer } from "node:http";
import { chromium } from "@playwright/test";

const base = process.argv[2] ?? "http://127.0.0.1:8080";
const runs = Number(process.argv[3] ?? 10);
const SLOW_4G = { offline: false, latency: 562.5, downloadThroughput: 180_000, uploadThroughput: 84_375 };
const NAMES = ["response", "painted", "composer", "typed", "shown", "alive", "acknowledged", "answered"];
const FLOOR = `<!DOCTYPE html><meta charset=utf-8><meta name=viewport content="width=device-width"><title>Floor</title>
<body style="font:1rem system-ui"><h1>Hi, I’m the floor</h1><p>Ask me anything, at any time.</p><div id=early></div><textarea placeholder=Message></textarea><script>addEventListener("keydown",e=>{if(e.key=="Enter"){e.preventDefault();
let t=document.querySelector("textarea");early.append(t.value);t.value=""}});parlourEarly=1</script><i></i>`;

// Runs in the page before anything else: notes when each thing was first there, and says so. It asks as little as it can: what it
// does is slowed down like the page itself.
function watch() {
  const seen = {};
  window.seen = seen;
  const note = (name, there) => {
    if (!there || name in seen) return;
    seen[name] = performance.now();
    if (name === "composer") there.focus();
    window.ready(name);
  };
  const said = (place, text) => [...document.querySelectorAll(place)].some((it) => it.textContent.includes(text));
  addEventListener("keydown", (event) => note("typed", event.key === "Enter"), true);
  new MutationObserver(() => {
    if (!seen.composer) note("composer", self.parlourEarly && document.querySelector("textarea:not([disabled])"));
    if (!seen.typed) return;
    if (!seen.shown) note("shown", said("#early, .mine", "hello"));
    if (!seen.acknowledged) note("acknowledged", said("article.mine:not(.sending, .failed)", "hello"));
    if (!seen.answered) note("answered", said("article:not(.mine)", "Nice to meet you"));
  }).observe(document, { childList: true, subtree: true, attributes: true });
}

// Visits the page as a newcomer, says hello and waits until `last` was seen.
async function visit(browser, url, last) {
  const context = await browser.newContext({ viewport: { width: 390, height: 780 } });
  const page = await context.newPage();
  await page.addInitScript(watch);
  const tools = await context.newCDPSession(page);
  await tools.send("Network.enable");
  await tools.send("Network.emulateNetworkConditions", SLOW_4G);
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  // Real keys as soon as there is something to type into. Not Playwright's own, which asks a slowed page many questions first; nor is
  // the page asked anything until all is over.
  await tools.send("Runtime.enable");
  await tools.send("Runtime.addBinding", { name: "ready" });
  const over = new Promise((end, fail) => {
    const late = setTimeout(() => fail(new Error(`${url}: "${last}" was not seen in 15 s`)), 15_000);
    tools.on("Runtime.bindingCalled", ({ payload }) => {
      if (payload === last) end(clearTimeout(late));
      if (payload !== "composer") return;
      const enter = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" };
      tools.send("Input.insertText", { text: "hello" });
      tools.send("Input.dispatchKeyEvent", { type: "keyDown", ...enter });
      tools.send("Input.dispatchKeyEvent", { type: "keyUp", ...enter });
    });
  });
  await page.goto(url, { waitUntil: "commit" });
  await over;
  const seen = await page.evaluate(() => {
    const [navigation] = performance.getEntriesByType("navigation");
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const wasm = performance.getEntriesByType("resource").find((it) => it.name.endsWith(".wasm"));
    return { ...window.seen, response: navigation.responseStart, painted: paint?.startTime, alive: wasm?.responseEnd };
  });
  await context.close();
  return Object.fromEntries(NAMES.filter((name) => name in seen).map((name) => [name, Math.round(seen[name])]));
}

const floor = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end(FLOOR));
await new Promise((listening) => floor.listen(0, "127.0.0.1", listening));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const rows = { page: [], floor: [] };
for (let run = 0; run < runs; run++) {
  rows.page.push(await visit(browser, `${base}/chat/demo`, "answered"));
  rows.floor.push(await visit(browser, `http://127.0.0.1:${floor.address().port}/`, "shown"));
}
await browser.close();
floor.close();
for (const [what, seen] of Object.entries(rows)) {
  const median = (name) => seen.map((row) => row[name]).sort((a, b) => a - b)[Math.floor(seen.length / 2)];
  console.log(what);
  console.table(seen);
  console.log("median", Object.fromEntries(NAMES.filter((name) => name in seen[0]).map((name) => [name, median(name)])));
}
