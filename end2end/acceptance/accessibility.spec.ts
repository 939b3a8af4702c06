// What ears, keyboards and sharp or tired eyes get: axe in every state, the tree of the shell, Tab and arrows, zoom and small screens.
import type { Frame, Page } from "@playwright/test";
import { expect, test } from "../fixtures/test";
import { announced, calm, Chat, holdWasm, saidByVisitor, standalone, wire } from "../fixtures/chat";
import { openByHand, openShadows, shop, visit } from "../fixtures/embed";
import { press } from "../fixtures/stage";

// Says everything that the demo bot can show.
async function showEverything(chat: Chat): Promise<void> {
  for (const [n, text] of ["buttons", "image", "link", "markup", "several", "carousel", "quick replies"].entries()) {
    await chat.tell(text);
    await expect(chat.mine).toHaveCount(n + 1);
    await expect(chat.window.locator("article.mine + article")).toHaveCount(n + 1);
  }
  await chat.row("Tea or coffee?").getByRole("button", { name: "Coffee" }).click();
  await expect(chat.row("A cup of coffee")).toBeVisible();
  await chat.tell("chips");
  await expect(chat.row("Tea or coffee?")).toHaveCount(2);
}

const overflow = (page: Page) =>
  page.evaluate(() => {
    const root = document.documentElement;
    const log = document.querySelector("[role=log]")!;
    const edge = log.getBoundingClientRect();
    const sticksOut = [...log.querySelectorAll("article *")].filter((element) => {
      const { left, right, width } = element.getBoundingClientRect();
      const scrolls = element.closest("pre, .sheet, .deck, .quiet, .meta");
      return width > 1 && !scrolls && (left < edge.left - 1 || right > edge.right + 1);
    });
    return [root.scrollWidth - root.clientWidth, root.scrollHeight - root.clientHeight, ...sticksOut.map((element) => element.outerHTML.slice(0, 120))];
  });

test.describe("axe finds nothing", () => {
  for (const { colorScheme, lang } of [
    { colorScheme: "light", lang: "en" },
    { colorScheme: "dark", lang: "en" },
    { colorScheme: "light", lang: "ar" },
  ] as const) {
    test.describe(`${colorScheme}, ${lang}`, () => {
      test.use({ colorScheme });

      test("in the empty window, in a full one, with the menu open and with a failed message", async ({ page, parlour, expectAccessible }) => {
        const release = await holdWasm(page);
        const line = await wire(page);
        await page.goto(`${parlour.baseURL}/chat/demo?lang=${lang}`);
        await expect(page.locator("h2")).toBeVisible();
        await calm(page);
        await expectAccessible(page);
        release();
        const chat = new ChatIn(page);
        await chat.welcomed();
        await showEverything(chat);
        line.refuse("hello");
        await chat.say("hello");
        await expect(page.locator("article.failed")).toBeVisible();
        await page.locator("header .tool").first().click();
        await expect(page.locator(".menu")).toBeVisible();
        await calm(page);
        await expectAccessible(page);
      });
    });
  }

  test("while there is no connection", async ({ page, context, parlour, expectAccessible }) => {
    const line = await wire(page);
    const chat = await standalone(page, parlour);
    await context.setOffline(true);
    await line.cut();
    await expect(chat.notice.getByRole("button", { name: "Retry now" })).toBeVisible();
    await chat.say("hello");
    await calm(page);
    await expectAccessible(page);
    await context.setOffline(false);
  });

  test("in forced colours", async ({ page, parlour, expectAccessible }) => {
    await page.emulateMedia({ forcedColors: "active" });
    const chat = await standalone(page, parlour);
    await showEverything(chat);
    for (const bubble of await chat.bubbles.all()) await expect(bubble).not.toHaveCSS("border-top-width", "0px");
    await calm(page);
    await expectAccessible(page);
  });

  for (const path of ["/", "/demo", "/chat/nobody", "/nowhere"]) {
    for (const colorScheme of ["light", "dark"] as const) {
      test(`on ${path}, ${colorScheme}`, async ({ page, parlour, expectAccessible }) => {
        await page.emulateMedia({ colorScheme });
        await page.goto(parlour.baseURL + path);
        await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
        await expectAccessible(page);
      });
    }
  }

  test("on the page that refuses a foreign host", async ({ page, parlour, expectAccessible }) => {
    const answer = await page.goto(`${parlour.baseURL}/embed/demo?origin=https://evil.example`);
    expect(answer?.status()).toBe(403);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Not available on this site");
    await expectAccessible(page);
  });

  test("on a host's page with the window closed and open", async ({ page, hostSite, parlour, expectAccessible }) => {
    await openShadows(page);
    await visit(page, shop(hostSite, parlour));
    await expectAccessible(page);
    const chat = await openByHand(page, parlour);
    await chat.welcomed();
    await chat.tell("buttons");
    await expect(chat.row("These stay usable")).toBeVisible();
    await calm(page);
    await calm(chat.window as Frame);
    await expectAccessible(page);
    await press(page);
    await expect(page.getByRole("dialog")).toBeHidden();
    await expectAccessible(page);
  });
});

// Asks in the language of the page for nothing: only what the demo bot says itself.
class ChatIn extends Chat {
  override readonly composer = this.window.locator("#message");
}

test("the tree of the empty window", async ({ page, parlour }) => {
  await holdWasm(page);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  await expect(page.locator("body")).toMatchAriaSnapshot(`
    - main:
      - link "Skip to the message field"
      - heading "Parlour" [level=1]
      - paragraph
      - button "More options"
      - log "Conversation":
        - heading /Hi, I’m Parlour/ [level=2]
        - paragraph
        - list "Suggestions":
          - listitem:
            - button
          - listitem:
            - button
          - listitem:
            - button
        - paragraph
      - status
      - textbox "Message"
      - button "Send message"
      - status
  `);
});

test("the tree of a conversation", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("buttons");
  await expect(chat.row("These stay usable")).toBeVisible();
  await expect(chat.log).toMatchAriaSnapshot(`
    - log "Conversation":
      - article:
        - paragraph: Today
        - text: "Parlour said:"
        - paragraph
      - article:
        - text: "Parlour said:"
        - paragraph
        - group "Suggestions":
          - button "Show me a picture"
          - button "Ask me something"
          - button "All templates"
        - time
      - article:
        - text: "You said: buttons"
        - time
        - text: Sent
      - article:
        - text: "Parlour said:"
        - paragraph
        - group:
          - button "Check balance"
          - button "Say thanks"
          - link "Read more (opens in a new tab)"
        - time
  `);
});

test("what comes is announced once, in words, and then taken away", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await page.evaluate(() => {
    const region = document.querySelector("main > [role=status]")!;
    (window as any).said = [];
    new MutationObserver(() => region.textContent && (window as any).said.push(region.textContent)).observe(region, {
      characterData: true,
      childList: true,
      subtree: true,
    });
  });
  const region = page.locator("main > [role=status]");
  await expect(region).toHaveText("");
  await chat.say("hello");
  // It stands there for a second, which may lie between two looks at it.
  await expect.poll(() => page.evaluate("said.join()")).toContain("Nice to meet you");
  await expect(region).toHaveText("");
  const said = await page.evaluate<string[]>("said");
  // A bot that takes its time is also said to type.
  expect(said.filter((text) => text.includes("Nice to meet you"))).toHaveLength(1);
  expect(said.join()).not.toContain("*");
});

test("Tab goes from the header over the transcript to the composer, and the arrows walk the messages", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("buttons");
  await expect(chat.row("These stay usable")).toBeVisible();
  await chat.tell("thanks");
  await expect(chat.row("You are welcome!")).toBeVisible();
  // From the beginning of the page.
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
  });
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the message field" })).toBeFocused();
  await expect(page.getByRole("link", { name: "Skip to the message field" })).toBeInViewport();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "More options" })).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(chat.log).toBeFocused();
  // One stop: the controls of older messages are reached through their message.
  await page.keyboard.press("Tab");
  await expect(chat.composer).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await expect(chat.log).toBeFocused();
  await page.keyboard.press("ArrowUp");
  await expect(chat.rows.last()).toBeFocused();
  await page.keyboard.press("Home");
  await expect(chat.rows.first()).toBeFocused();
  await page.keyboard.press("End");
  await expect(chat.rows.last()).toBeFocused();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  const card = chat.row("These stay usable");
  await expect(card).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(card.getByRole("button").first()).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(card).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(chat.composer).toBeFocused();
});

test("the arrows walk a message's controls in the direction of reading, and leave what scrolls alone", async ({ page, parlour }) => {
  for (const [language, on] of [["en", "ArrowRight"], ["ar", "ArrowLeft"]]) {
    const chat = await standalone(page, parlour, `/chat/demo?lang=${language}`);
    const chips = chat.row("Where shall we start?").getByRole("button");
    await chips.first().focus();
    await page.keyboard.press(on);
    await expect(chips.nth(1)).toBeFocused();
    await page.keyboard.press(on === "ArrowLeft" ? "ArrowRight" : "ArrowLeft");
    await expect(chips.first()).toBeFocused();
  }
  const chat = await standalone(page, parlour, "/chat/demo?lang=en");
  await chat.tell("markup");
  const code = chat.rows.last().locator("pre");
  await code.focus();
  for (const key of ["ArrowRight", "ArrowLeft", "ArrowUp", "Home", "End"]) {
    await page.keyboard.press(key);
    await expect(code).toBeFocused();
  }
  await page.keyboard.press("Escape");
  await expect(chat.rows.last()).toBeFocused();
});

test("the focus goes on when the control that had it is gone", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  line.refuse("thanks");
  for (const name of ["Retry", "Delete"]) {
    await chat.say("thanks");
    await chat.mine.last().getByRole("button", { name }).focus();
    await page.keyboard.press("Enter");
    await expect(chat.composer).toBeFocused();
  }
});

test("a text that is too long is told when it is sent, and keeps its place", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  const told: string[] = [];
  await page.exposeFunction("told", (text: string) => told.push(text));
  await page.evaluate(() => {
    const region = document.querySelector("main")!.lastElementChild!;
    new MutationObserver(() => region.textContent && (window as any).told(region.textContent)).observe(region, { childList: true });
  });
  await chat.composer.fill("x".repeat(12_000));
  await chat.composer.press("Enter");
  await expect.poll(() => told.join()).toContain("2000 characters too many");
  await expect(chat.composer).toHaveValue(/x{12000}/);
});

test("what was not sent and that the bot types is told by a region that is there before", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  const told = await announced(page);
  await expect(page.locator("main > [role=status]:last-child")).toHaveCount(1);
  line.refuse("hello");
  await chat.say("hello");
  await expect(page.locator("article.failed")).toBeVisible();
  await expect.poll(() => told.join()).toContain("Not sent: hello");
  line.hold("bot_response");
  await chat.say("thanks");
  await expect(page.getByRole("img", { name: "is typing" })).toBeVisible();
  await expect.poll(() => told.join()).toContain("is typing");
  line.release();
  await expect(chat.row("You are welcome!")).toBeVisible();
  for (const text of told) expect(text.split("Not sent").length).toBeLessThanOrEqual(2);
});

test("what is told first by a page that was busy is not taken away with what was told before", async ({ page, parlour }) => {
  await page.addInitScript(() => (Document.prototype.execCommand = () => true));
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  await chat.tell("markup");
  await expect(chat.row("let answer")).toBeVisible();
  const told = await announced(page);
  line.hold("bot_response");
  // As soon as the next message is stored something is told, and then nothing runs until it is time both to take that
  // away and to say that the bot types.
  await page.evaluate(() => {
    new MutationObserver((_, watch) => {
      if (document.querySelectorAll("article.mine:not(.sending)").length < 2) return;
      watch.disconnect();
      document.querySelector<HTMLElement>("[data-act=copy]")!.click();
      for (const end = performance.now() + 1_500; performance.now() < end; );
    }).observe(document.querySelector("[role=log]")!, { childList: true, subtree: true });
  });
  await chat.say("thanks");
  await expect(page.getByRole("img", { name: "is typing" })).toBeVisible();
  await expect.poll(() => told.join()).toContain("Copied");
  await expect.poll(() => told.join()).toContain("is typing");
  line.release();
  await expect(chat.row("You are welcome!")).toBeVisible();
});

// What the page hears of a press, kept for the report of a story that fails.
const presses = (page: Page) =>
  page.evaluate(() => {
    const heard: string[] = ((window as any).presses = []);
    const note = ({ type, target }: Event) => heard.push(`${type} on ${(target as Element).className.split(" ")[0]}`);
    for (const type of ["mousedown", "mouseup", "click"]) addEventListener(type, note, { capture: true });
  });

test("the button that copies keeps its name, and shows that it has copied", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  const told = await announced(page);
  await chat.tell("markup");
  const copy = chat.row("let answer").getByRole("button", { name: "Copy", exact: true });
  await expect(copy).toBeVisible();
  await presses(page);
  await copy.click();
  await expect.poll(() => page.evaluate("presses.slice(-3)")).toEqual(["mousedown on copy", "mouseup on copy", "click on copy"]);
  // Either is there at once.
  await expect(page.locator(".copied, .notice")).toHaveCount(1);
  await expect(copy).toHaveClass(/copied/);
  await expect.poll(() => told.join()).toContain("Copied");
  await expect(copy).toHaveAccessibleName("Copy");
});

test("what the browser does not copy is selected, and the visitor is told", async ({ page, parlour }) => {
  await page.addInitScript(() => (Document.prototype.execCommand = () => false));
  const chat = await standalone(page, parlour);
  const told = await announced(page);
  await chat.tell("markup");
  const copy = chat.row("let answer").getByRole("button", { name: "Copy", exact: true });
  await copy.click();
  await expect(chat.notice).toHaveText("This could not be copied. It is selected: please copy it yourself.");
  await expect(page.getByRole("status").filter({ has: chat.notice })).toHaveCount(1);
  expect(await page.evaluate(() => String(getSelection()).trim())).toBe("let answer = 42;");
  await expect(copy).not.toHaveClass(/copied/);
  expect(told.join()).not.toContain("Copied");
});

test("a tap on Send leaves the phone its keyboard, before and after the wasm is there", async ({ browser, parlour }) => {
  const context = await browser.newContext({ hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } });
  const page = await context.newPage();
  const release = await holdWasm(page);
  await page.goto(`${parlour.baseURL}/chat/demo`);
  const chat = new Chat(page);
  const tap = async (text: string) => {
    await chat.composer.tap();
    await chat.composer.fill(text);
    await chat.sendButton.tap();
    await expect(chat.bubbles.or(page.locator("#early .bubble")).filter({ hasText: text })).toHaveCount(1);
    await expect(chat.composer).toBeFocused();
    await expect(chat.composer).toHaveValue("");
  };
  await tap("call me One");
  release();
  await chat.online();
  await tap("call me Two");
  await chat.settled();
  // Who is not writing is not made to.
  await page.locator("h1").tap();
  await chat.composer.evaluate((field: HTMLElement) => field.blur());
  await chat.row("call me One").first().tap();
  await expect(chat.composer).not.toBeFocused();
  expect(await saidByVisitor(page)).toEqual(["call me One", "call me Two"]);
  await context.close();
});

test("a rem is the visitor's own size, so targets are as big as they are meant, and dots are round", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  const size = async (part: string) => {
    const box = await page.locator(part).first().boundingBox();
    return [box!.width, box!.height];
  };
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize)).toBe("16px");
  await expect(chat.composer).toHaveCSS("font-size", "15px");
  expect(await size(".send")).toEqual([40, 40]);
  expect(await size("header .tool")).toEqual([40, 40]);
  expect(await size("header .dot")).toEqual([11, 11]);
  await expect(page.locator("header .status")).toHaveCSS("font-size", "12.5px");
});

test("F6 goes round the parts of the window", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.composer.focus();
  await page.keyboard.press("F6");
  await expect(chat.log).toBeFocused();
  await page.keyboard.press("F6");
  await expect(page.getByRole("button", { name: "More options" })).toBeFocused();
  await page.keyboard.press("F6");
  await expect(chat.composer).toBeFocused();
});

test("the menu opens by key, Escape closes it, and the focus is where it was", async ({ page, parlour }) => {
  await standalone(page, parlour);
  const button = page.getByRole("button", { name: "More options" });
  await button.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "New conversation" })).toBeVisible();
  // The browser itself says that it is expanded: there is no attribute.
  const tree = await page.context().newCDPSession(page);
  const { root } = await tree.send("DOM.getDocument");
  const query = { nodeId: root.nodeId, role: "button", accessibleName: "More options" };
  const properties = async () => (await tree.send("Accessibility.queryAXTree", query)).nodes[0]?.properties;
  await expect.poll(properties).toContainEqual({ name: "expanded", value: { type: "booleanOrUndefined", value: true } });
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "New conversation" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "New conversation" })).toBeHidden();
  await expect(button).toBeFocused();
});

test("nothing moves where motion is not wanted", async ({ page, parlour }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.addInitScript(() => {
    (window as any).moved = [];
    document.addEventListener("animationstart", (event) => {
      for (const animation of (event.target as Element).getAnimations()) {
        const frames = (animation.effect as KeyframeEffect).getKeyframes();
        if (frames.some((frame) => frame.transform && frame.transform !== "none")) (window as any).moved.push(event.animationName);
      }
    });
  });
  const chat = await standalone(page, parlour);
  await chat.tell("hello");
  await expect(chat.row("Nice to meet you")).toBeVisible();
  await page.getByRole("button", { name: "More options" }).click();
  expect(await page.evaluate("moved")).toEqual([]);
});

for (const [name, width, height] of [
  ["a phone", 360, 740],
  ["a screen at 400 % zoom", 320, 256],
  ["a phone on its side", 568, 320],
] as const) {
  test(`on ${name} nothing sticks out and the composer is there`, async ({ page, parlour }) => {
    await page.setViewportSize({ width, height });
    const chat = await standalone(page, parlour);
    await showEverything(chat);
    await chat.tell("long");
    await expect(chat.row("Once there was a message")).toBeVisible();
    await calm(page);
    expect(await overflow(page)).toEqual([0, 0]);
    await expect(chat.composer).toBeInViewport({ ratio: 1 });
    await expect(chat.sendButton).toBeInViewport({ ratio: 1 });
    await expect(page.getByRole("button", { name: "More options" })).toBeInViewport({ ratio: 1 });
    // Two lines of the transcript at least.
    expect((await chat.log.boundingBox())!.height).toBeGreaterThanOrEqual(44);
  });
}

test("text at twice its size is not cut off", async ({ page, parlour }) => {
  await page.setViewportSize({ width: 640, height: 720 });
  const chat = await standalone(page, parlour);
  await chat.tell("buttons");
  await expect(chat.row("These stay usable")).toBeVisible();
  await calm(page);
  await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
  await expect(chat.composer).toBeInViewport({ ratio: 1 });
  await expect.poll(() => overflow(page)).toEqual([0, 0]);
});

test("targets are large enough for fingers", async ({ browser, parlour }) => {
  const context = await browser.newContext({ viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true });
  const page = await context.newPage();
  const chat = await standalone(page, parlour);
  await chat.composer.fill("buttons");
  await chat.sendButton.tap();
  await expect(chat.row("These stay usable")).toBeVisible();
  await calm(page);
  for (const target of await page.locator("button:visible, article a:visible").all()) {
    const { width, height } = (await target.boundingBox())!;
    // What is just moving in has a box of fractions.
    expect(Math.round(Math.min(width, height)), await target.innerText()).toBeGreaterThanOrEqual(44);
  }
  expect(await chat.composer.evaluate((field) => parseFloat(getComputedStyle(field).fontSize))).toBeGreaterThanOrEqual(16);
  await context.close();
});
