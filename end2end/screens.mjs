// Pictures of every state of the widget, for eyes: not a test. Run by hand beside a running server:
//
//   CHROMIUM=/usr/bin/chromium node screens.mjs http://127.0.0.1:8080 [--only NAME] [--style FILE]
//
// Writes results/screens/SIZE-THEME/STATE.png. `--only` takes states whose name has this part; `--style` adds the rules of a
// file to every page, to see a change without a build.
import { mkdir, readFile } from "node:fs/promises";
import { chromium } from "@playwright/test";

const words = process.argv.slice(2);
const option = (name) => (words.includes(name) ? words[words.indexOf(name) + 1] : undefined);
const server = words[0]?.replace(/\/$/, "");
if (!server?.startsWith("http")) {
  console.error("say where the server is: node screens.mjs http://127.0.0.1:8080");
  process.exit(2);
}
const only = option("--only") ?? "";
const style = option("--style") && (await readFile(option("--style"), "utf8"));

const SIZES = { phone: [360, 740], tablet: [768, 1024], desktop: [1280, 800] };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"],
});

// A visitor of their own for each picture.
async function open(path, { size = "phone", theme = "light", held = false, ...more } = {}) {
  const [width, height] = Array.isArray(size) ? size : SIZES[size];
  const phone = width < 500;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    locale: more.locale ?? "en-GB",
    hasTouch: phone,
    isMobile: phone,
    deviceScaleFactor: more.scale ?? 1,
    reducedMotion: "reduce",
    forcedColors: more.forced ? "active" : "none",
    bypassCSP: true,
  });
  const page = await context.newPage();
  const wire = { held: undefined, refused: undefined, socket: undefined };
  await page.routeWebSocket(/\/rtm\//, (socket) => {
    wire.socket = socket;
    const there = socket.connectToServer();
    socket.onMessage((frame) => {
      const text = String(frame);
      if (wire.refused && text.includes(wire.refused)) {
        socket.send(JSON.stringify({ type: "error", replyto: JSON.parse(text).clientMessageId, errors: [{ msg: "No.", code: 1 }] }));
      } else there.send(frame);
    });
    there.onMessage((frame) => {
      if (wire.held === undefined || !String(frame).includes(wire.held)) socket.send(frame);
    });
  });
  if (held) await page.route(/\.wasm/, () => {});
  await page.addInitScript((style) => {
    const attach = Element.prototype.attachShadow;
    Element.prototype.attachShadow = function (init) {
      return attach.call(this, { ...init, mode: "open" });
    };
    const add = () => {
      const element = document.createElement("style");
      element.textContent = style;
      document.head.append(element);
    };
    if (style) document.addEventListener("DOMContentLoaded", add);
  }, style);
  await page.goto(server + path);
  return { page, context, wire, chat: page };
}

const online = (chat) => chat.locator("header .dot.online").waitFor();
const answered = (chat, count) => chat.locator("article.mine + article.bot").nth(count - 1).waitFor();

async function welcome(it) {
  await online(it.chat);
  await it.chat.getByRole("article").nth(1).waitFor();
}

async function say(it, ...texts) {
  for (const text of texts) {
    const before = await it.chat.locator("article.mine").count();
    await it.chat.locator("#message").fill(text);
    await it.chat.locator("[data-composer] [type=submit]").click();
    await it.chat.locator("article.mine").nth(before).waitFor();
    if (it.wire.held === undefined && it.wire.refused === undefined) await answered(it.chat, before + 1);
  }
}

// Opens the window on the page around it.
async function launch(it) {
  await it.page.locator(".launcher").click();
  it.chat = it.page.frameLocator("[data-parlour] iframe");
  await it.chat.locator("#message").waitFor();
}

// The states: how a picture's page is come to.
const alone = (path, then) => async (how) => {
  const it = await open(path, how);
  await then?.(it, how);
  return it;
};
const talk = (then) => alone("/chat/demo", async (it, how) => {
  await welcome(it);
  await then(it, how);
});

const STATES = {
  "01-empty": (how) => alone("/chat/demo")({ ...how, held: true }),
  "02-greeting": talk(async () => {}),
  "03-short": talk((it) => say(it, "hello", "my name is Ada")),
  "04-grouped": talk((it) => say(it, "several", "how are you?")),
  "05-scrolled-up": talk(async (it) => {
    await say(it, "several", "markup", "help", "several", "joke");
    await it.chat.locator("[role=log]").evaluate((log) => log.scrollTo(0, 300));
    await it.chat.locator(".pill").waitFor();
  }),
  "06-typing": talk(async (it) => {
    it.wire.held = "bot_response";
    await say(it, "What is my balance?");
    await it.chat.locator(".typing").waitFor();
  }),
  "07-sending": talk(async (it) => {
    it.wire.held = "";
    await say(it, "Is anybody there?");
    await it.page.waitForTimeout(600);
  }),
  "08-failed": talk(async (it) => {
    await say(it, "hello");
    it.wire.refused = "Please";
    await say(it, "Please send me the invoice of last month.");
    await it.chat.locator("article.failed").waitFor();
  }),
  "09-reconnecting": talk(async (it) => {
    await it.page.route("**/api/**", (route) => route.abort());
    await it.wire.socket.close({ code: 4000 });
    await it.chat.locator(".notice").waitFor();
  }),
  "10-offline": talk(async (it) => {
    await it.context.setOffline(true);
    await it.wire.socket.close({ code: 4000 });
    await it.chat.locator(".notice .act").waitFor();
    await say({ ...it, wire: { held: "" } }, "Then I write it now.");
  }),
  "11-quick-replies": talk((it) => say(it, "chips")),
  "12-quick-replies-chosen": talk(async (it) => {
    await say(it, "chips");
    await it.chat.getByRole("button", { name: "Coffee" }).click();
    await answered(it.chat, 2);
  }),
  "13-buttons": talk(async (it) => {
    await say(it, "buttons");
    await it.chat.getByRole("button", { name: "Check balance" }).click();
    await answered(it.chat, 2);
  }),
  "14-image-link": talk((it) => say(it, "image", "link")),
  "15-markup": talk((it) => say(it, "markup")),
  "16-long": talk((it) => say(it, "long")),
  "17-multiline-draft": talk(async (it) => {
    await it.chat.locator("#message").fill("Dear bot,\n\nI would like to know three things:\n- one\n- two\n- three");
    await it.chat.locator("#message").focus();
  }),
  "18-menu": talk(async (it) => {
    await say(it, "hello");
    await it.chat.locator("header .tool").first().click();
    await it.chat.locator(".menu").waitFor();
  }),
  "19-too-long": talk((it) => it.chat.locator("#message").fill("word ".repeat(2001))),
  "20-unread-line": talk(async (it) => {
    await say(it, "hello");
    await it.page.evaluate(() => Object.defineProperty(document, "visibilityState", { configurable: true, value: "hidden" }));
    await say(it, "several");
    await it.chat.locator(".unread").waitFor();
  }),
  "21-unknown-bot": alone("/chat/nobody"),
  "22-not-allowed": alone("/embed/demo?origin=https://example.org"),
  "23-home": alone("/"),
  "24-demo": alone("/demo"),
  "25-demo-open": alone("/demo", async (it) => {
    await launch(it);
    await welcome(it);
    await say(it, "hello", "buttons");
  }),
  "26-demo-unread": alone("/demo", async (it) => {
    await it.page.evaluate(() => window.Parlour.send("hello"));
    await it.page.locator(".preview").waitFor();
  }),
};

// Once each, apart from sizes and themes.
const colours = (brand, then) => alone(`/demo?brand=${encodeURIComponent(brand)}`, async (it) => {
  await launch(it);
  await welcome(it);
  await then(it);
});
const chosen = async (it) => {
  await say(it, "hello", "buttons");
  await it.chat.getByRole("button", { name: "Check balance" }).click();
  await answered(it.chat, 3);
};
const SPECIALS = {
  "arabic-empty": (how) => alone("/chat/demo?lang=ar")({ ...how, held: true, locale: "ar" }),
  "arabic": (how) => alone("/chat/demo?lang=ar", async (it) => {
    await welcome(it);
    await say(it, "مرحبا، كيف حالك؟", "buttons", "chips");
  })({ ...how, locale: "ar" }),
  "arabic-demo": alone("/demo?lang=ar&side=left", async (it) => {
    await launch(it);
    await welcome(it);
  }),
  "forced-colours": (how) => talk(chosen)({ ...how, forced: true }),
  "zoom-400": (how) => talk((it) => say(it, "hello", "chips"))({ ...how, size: [320, 256] }),
  "zoom-200": (how) => talk((it) => say(it, "hello", "chips"))({ ...how, size: [640, 400] }),
  "landscape": (how) => talk((it) => say(it, "hello", "chips"))({ ...how, size: [568, 320] }),
  "yellow": (how) => colours("#ffd400", chosen)({ ...how, size: "desktop" }),
  "near-black": (how) => colours("#111114", chosen)({ ...how, size: "desktop" }),
};

async function shoot(folder, name, state, how) {
  if (!`${folder}/${name}`.includes(only)) return;
  await mkdir(`results/screens/${folder}`, { recursive: true });
  let it;
  try {
    it = await state(how);
    await it.page.screenshot({ path: `results/screens/${folder}/${name}.png`, animations: "disabled" });
    console.log(`${folder}/${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.error(`${folder}/${name}: ${String(error).split("\n")[0]}`);
  }
  await it?.context.close();
}

const queue = [];
for (const size of Object.keys(SIZES)) {
  for (const theme of ["light", "dark"]) {
    for (const [name, state] of Object.entries(STATES)) queue.push([`${size}-${theme}`, name, state, { size, theme }]);
  }
}
for (const theme of ["light", "dark"]) {
  for (const [name, state] of Object.entries(SPECIALS)) queue.push([`special-${theme}`, name, state, { size: "phone", theme }]);
}
const worker = async () => {
  for (let job = queue.shift(); job; job = queue.shift()) await shoot(...job);
};
await Promise.all([worker(), worker()]);
await browser.close();
