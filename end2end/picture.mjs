// Draws docs/widget.png, the picture in the README: two phones, with a bot of its own. By hand:
//
//   PARLOUR_BIN=… PARLOUR_SITE=… CHROMIUM=/usr/bin/chromium node picture.mjs && pngquant --force --ext .png 160 ../docs/widget.png
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "@playwright/test";

const SCRIPT = `
[[greeting]]
say = ["Good morning! This is **Wheelhouse**.", "What can we do for your bike?"]

[[rule]]
when = ["*brake*"]
say = "That is usually dust on the pads. A **safety check** (€ 25) finds it in twenty minutes:"
buttons = [
    { title = "Book for today, 14:30", payload = "today" },
    { title = "Another day", payload = "day" },
    { title = "What the check covers", url = "https://wheelhouse.example/check" },
]

[[rule]]
when = ["today"]
say = "Done: **today, 14:30**, Quay Street 14. We lend you a city bike meanwhile."

[[rule]]
when = ["*cost*"]
say = """
Most of it is one of these:

- **Flat tyre** € 18
- **Safety check** € 25
- **Full service** € 95
"""

[[rule]]
when = ["*how long*"]
say = "A flat tyre within the hour. A full service takes a day and a half: when would you bring it?"
quick_replies = [
    { title = "Monday", payload = "monday" },
    { title = "Tuesday", payload = "tuesday" },
    { title = "Later", payload = "later" },
]

[fallback]
say = "One of us will answer soon."
`;

const folder = await mkdtemp(path.join(tmpdir(), "parlour-picture-"));
await writeFile(path.join(folder, "shop.toml"), SCRIPT);
await writeFile(
  path.join(folder, "parlour.toml"),
  `[apps.cs-shop]
bots = ["st-shop"]
[[apps.cs-shop.keys]]
kid = "one"
algorithm = "HS256"
secret = "${randomBytes(32).toString("hex")}"
[bots.st-shop]
page = "shop"
name = "Wheelhouse"
brand = "#0b6e4f"
script = "shop.toml"
`,
);
const server = spawn(
  process.env.PARLOUR_BIN ?? "parlour",
  ["--listen", "127.0.0.1:0", "--data", path.join(folder, "data"), "--config", path.join(folder, "parlour.toml"), "--site", process.env.PARLOUR_SITE ?? ""],
  { cwd: folder },
);
const origin = await new Promise((resolve, reject) => {
  let said = "";
  const read = (bytes) => {
    said += bytes;
    const found = /listening on (http:\/\/[\d.]+:\d+)/.exec(said);
    if (found) resolve(found[1]);
  };
  server.stdout.on("data", read);
  server.stderr.on("data", read);
  server.once("exit", () => reject(new Error(said)));
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"],
});

// A row's button is pressed by its name, anything else is said.
async function phone(colorScheme, said) {
  const context = await browser.newContext({
    viewport: { width: 360, height: 700 },
    deviceScaleFactor: 2,
    colorScheme,
    reducedMotion: "reduce",
    hasTouch: true,
  });
  const page = await context.newPage();
  await page.goto(`${origin}/chat/shop`);
  await page.locator("header .dot.online").waitFor();
  await page.locator("article").nth(1).waitFor();
  for (const [n, words] of said.entries()) {
    const button = page.getByRole("button", { name: words });
    if (await button.count()) await button.click();
    else {
      await page.locator("#message").fill(words);
      await page.locator("[data-composer] [type=submit]").click();
    }
    await page.locator("article.mine + article.bot").nth(n).waitFor();
    await page.locator("[role=log]").evaluate((log) => log.scrollTo(0, log.scrollHeight));
  }
  await page.evaluate(() => document.activeElement?.blur());
  await page.locator(".pill").waitFor({ state: "detached" });
  const picture = await page.screenshot({ animations: "disabled" });
  await context.close();
  return `data:image/png;base64,${picture.toString("base64")}`;
}

const light = await phone("light", ["My front brake squeaks", "Book for today, 14:30"]);
const dark = await phone("dark", ["What does a repair cost?", "And how long does it take?"]);

const page = await browser.newPage({ viewport: { width: 912, height: 796 }, deviceScaleFactor: 1.25 });
await page.setContent(`<style>
  body { margin: 0; display: flex; justify-content: center; align-items: center; gap: 48px; height: 100vh; background: #efece7; }
  img { width: 360px; height: 700px; border-radius: 28px; box-shadow: 0 0 0 1px #0001, 0 2px 6px #0001, 0 18px 50px #0003; }
</style><img src="${light}"><img src="${dark}">`);
await page.locator("img").nth(1).evaluate((image) => image.decode());
await page.screenshot({ path: new URL("../docs/widget.png", import.meta.url).pathname });
await browser.close();
server.removeAllListeners("exit");
server.kill();
await new Promise((resolve) => server.once("exit", resolve));
await rm(folder, { recursive: true });
