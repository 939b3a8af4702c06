// Measures a long chat, by hand: `node long.mjs http://127.0.0.1:8080 [messages]` (a started Parlour with the demo bot).
//
// The real server answers one message; then copies of its answer come over the same socket, each with an id and a sequence of its own.
// From a key press to the end of the frame that shows it, CPU slowed down four times and without the clock of a screen: in a page of
// nothing but a text field, with the first messages and with 1,000. Then, at every tenth of all messages: the memory of the page's
// script and of the wasm, after a collection.
import { chromium } from "@playwright/test";

const base = process.argv[2] ?? "http://127.0.0.1:8080";
const all = Number(process.argv[3] ?? 75_000);
const KEYS = 60;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-frame-rate-limit", "--js-flags=--expose-gc"],
});
const page = await browser.newPage({ viewport: { width: 390, height: 780 } });
await page.addInitScript(() => {
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = async (...given) => {
    const made = await instantiateStreaming.apply(WebAssembly, given);
    window.wasm = made.instance.exports.memory ?? Object.values(made.instance.exports).find((it) => it instanceof WebAssembly.Memory);
    return made;
  };
  window.presses = [];
  addEventListener("keydown", () => {
    const pressed = performance.now();
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => window.presses.push(performance.now() - pressed);
      painted.port2.postMessage(0);
    });
  }, true);
});
let socket;
let answer;
await page.routeWebSocket(/\/rtm\/bot/, (route) => {
  socket = route;
  const server = route.connectToServer();
  server.onMessage((text) => {
    const frame = JSON.parse(text);
    if (frame.type === "bot_response") answer = frame;
    route.send(text);
  });
});
const tools = await page.context().newCDPSession(page);
await page.goto("data:text/html,<!doctype html><textarea rows=1 style='field-sizing: content; inline-size: 12rem'></textarea>");
await press("a text field");
await page.goto(`${base}/chat/demo`);
await page.getByRole("textbox").fill("hello");
await page.keyboard.press("Enter");
await page.locator("article", { hasText: "Nice to meet you" }).waitFor();

let sent = 0;
async function receive(until) {
  while (sent < until) {
    // As many as a window shows: a reader at the end stays there.
    for (const end = Math.min(until, sent + 8); sent < end; sent++) {
      socket.send(JSON.stringify(another(sent + 1)));
    }
    await page.locator("article", { hasText: `Number ${sent}.` }).waitFor({ state: "attached" });
  }
}

async function press(where) {
  const field = page.getByRole("textbox");
  await field.focus();
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await page.evaluate(() => void (window.presses = []));
  for (let key = 0; key < KEYS; key++) {
    await page.keyboard.press("a");
    await page.waitForFunction((count) => window.presses.length === count, key + 1);
  }
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 1 });
  const presses = await page.evaluate(() => window.presses.sort((a, b) => a - b));
  const at = (part) => presses[Math.floor(part * (KEYS - 1))].toFixed(1);
  console.log(`${where}, CPU/4, key press to frame: median ${at(0.5)} ms, p95 ${at(0.95)} ms`);
  await field.fill("");
}

// A copy of the bot's answer as the next message of the conversation.
function another(number) {
  const text = JSON.stringify(answer);
  const copy = JSON.parse(text.replaceAll(answer.messageId, `ms-copy-${number}`));
  if (typeof answer.seq === "number") copy.seq = answer.seq + number;
  copy.message[0].component.payload.text = copy.message[0].cInfo.body = `Number ${number}.`;
  return copy;
}

await press(`${await page.locator("article").count()} rows`);
await receive(1_000);
await press(`${await page.locator("article").count()} rows`);
for (let tenth = 1; tenth <= 10; tenth++) {
  await receive(Math.max(1_000, Math.round((all * tenth) / 10)));
  const [heap, wasm, rows] = await page.evaluate(() => {
    gc();
    return [performance.memory.usedJSHeapSize, window.wasm?.buffer.byteLength, document.querySelectorAll("article").length];
  });
  const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
  console.log(`${sent} messages: script ${mib(heap)} MiB, wasm ${mib(wasm)} MiB, ${rows} rows`);
}
await browser.close();
