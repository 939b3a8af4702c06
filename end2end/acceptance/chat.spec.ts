// A visitor and the demo bot on the bot's own page: what is in the first HTML, what is said, how it is shown, what is stored.
import { testApp } from "../fixtures/platform";
import { expect, test } from "../fixtures/test";
import { Chat, consoleLines, history, nextChoice, saidByVisitor, standalone, wire } from "../fixtures/chat";

test("the first HTML holds header, composer and all its style", async ({ parlour }) => {
  const answer = await fetch(`${parlour.baseURL}/chat/demo`);
  const html = await answer.text();
  const parts = [/<h1[^>]*>[^<]+<\/h1>/, /role="log"/, /<textarea[^>]+id="message"/, /<ul[^>]+aria-label="Suggestions"/, /<style nonce=/];
  for (const part of parts) expect(part.test(html), `first HTML has ${part}`).toBe(true);
  for (const part of [/<link[^>]+stylesheet/, / style="/, / on[a-z]+="/]) expect(part.test(html), `first HTML has no ${part}`).toBe(false);
});

test("a conversation writes nothing to the console", async ({ page, parlour }) => {
  const lines = consoleLines(page);
  const chat = await standalone(page, parlour);
  await chat.tell("hello");
  await expect(chat.row("Nice to meet you")).toBeVisible();
  await page.reload();
  await chat.online();
  await expect(chat.row("Nice to meet you")).toBeVisible();
  expect(lines).toEqual([]);
});

test("the bot greets, and a message sent with Enter is answered and stored once", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await expect(chat.row("I am the Parlour demo bot")).toHaveCount(1);
  await expect(chat.composer).toHaveValue("");
  await chat.say("hello");
  await expect(chat.composer).toHaveValue("");
  await expect(chat.composer).toBeFocused();
  await expect(chat.row("Nice to meet you")).toBeVisible();
  const stored = await history(page);
  expect(stored.map(({ by }) => by)).toEqual(["bot", "bot", "visitor", "bot"]);
  expect(stored[2]?.text).toBe("hello");
  expect(stored.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});

test("a message is shown as being sent until the server has it", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  line.hold();
  await chat.say("hello");
  const mine = chat.mine.filter({ hasText: "hello" });
  await expect(mine).toContainText("Sending…");
  line.release();
  await expect(mine).not.toContainText("Sending…");
  await expect(mine).toContainText("Sent");
  await expect(chat.row("Nice to meet you")).toHaveCount(1);
});

test("what a day has no room for stays as not sent, with a word why", async ({ page, startParlour }) => {
  const parlour = await startParlour({ config: testApp({ more: "[rate]\nuser_messages_per_day = 2" }) });
  const chat = await standalone(page, parlour);
  await chat.tell("hello");
  await chat.tell("thanks");
  await chat.say("one too many");
  await expect(chat.notice).toContainText("That was a lot for one day");
  await expect(chat.mine.filter({ hasText: "one too many" })).toContainText("Not sent");
  expect((await history(page)).filter(({ by }) => by === "visitor").map(({ text }) => text)).toEqual(["hello", "thanks"]);
});

test("the bot is seen typing while an answer takes its time, and the answer takes the place of the dots", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  const dots = page.getByRole("img", { name: "is typing" });
  await expect(dots).toHaveCount(0);
  line.hold("bot_response");
  await chat.say("hello");
  await expect(dots).toBeVisible();
  line.release();
  await expect(chat.row("Nice to meet you")).toBeVisible();
  await expect(dots).toHaveCount(0);
});

test("Shift and Enter make a new line, Control and Enter send, blanks alone are nothing", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await expect(chat.sendButton).toHaveAttribute("aria-disabled", "true");
  await chat.composer.fill("   ");
  await chat.composer.press("Enter");
  await expect(chat.mine).toHaveCount(0);
  await chat.composer.fill("");
  await chat.composer.pressSequentially("one");
  await chat.composer.press("Shift+Enter");
  await chat.composer.pressSequentially("two");
  await expect(chat.sendButton).toHaveAttribute("aria-disabled", "false");
  await expect(chat.composer).toHaveValue("one\ntwo");
  await chat.composer.press("Control+Enter");
  await expect(chat.mine.locator(".bubble")).toHaveText("one two");
  await chat.settled();
  expect(await saidByVisitor(page)).toEqual(["one\ntwo"]);
});

test("the composer grows with its text up to five lines and shrinks after sending", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  const height = async () => (await chat.composer.boundingBox())!.height;
  const small = await height();
  await chat.composer.fill("1\n2\n3");
  await expect.poll(height).toBeGreaterThan(small + 20);
  await chat.composer.fill(Array.from({ length: 30 }, (_, n) => n).join("\n"));
  await expect.poll(height).toBeLessThanOrEqual(121);
  expect(await chat.composer.evaluate((field) => field.scrollHeight > field.clientHeight)).toBe(true);
  await chat.composer.press("Enter");
  await expect.poll(height).toBe(small);
});

test("a text over the limit is counted and stays in the composer", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.composer.fill("x".repeat(10_003));
  await expect(page.getByText("3 characters too many")).toBeVisible();
  await chat.composer.press("Enter");
  await expect(chat.composer).toHaveValue("x".repeat(10_003));
  await expect(chat.mine).toHaveCount(0);
  await chat.composer.fill("x".repeat(9_000));
  await expect(page.getByText("1000 characters left")).toBeVisible();
});

test("a button says its title and the bot hears its payload", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("buttons");
  const card = chat.row("These stay usable");
  await expect(card.getByRole("button")).toHaveText(["Check balance", "Say thanks"]);
  const link = card.getByRole("link", { name: "Read more" });
  await expect(link).toHaveAttribute("href", "https://example.com/");
  await expect(link).toHaveAttribute("target", "_blank");
  await expect(link).toHaveAttribute("rel", /noopener/);
  await card.getByRole("button", { name: "Check balance" }).click();
  await expect(chat.mine.last()).toContainText("Check balance");
  await expect(chat.row("Your balance is 1,234.56")).toBeVisible();
  await expect(card.getByRole("button", { name: "Check balance" })).toContainText("chosen");
  await expect(card.getByRole("button", { name: "Say thanks" })).toBeEnabled();
  await expect(chat.composer).toBeFocused();
  const said = await saidByVisitor(page);
  expect(said).toHaveLength(2);
});

test("what is pressed twice is said once: a starter, a button, a chip, Send, and a key that is held", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  const said = async (count: number) => {
    await expect(chat.mine).toHaveCount(count);
    await chat.settled();
    await nextChoice(page);
  };
  await page.locator(".starter").first().dblclick();
  await said(1);
  await chat.tell("buttons");
  await chat.row("These stay usable").getByRole("button", { name: "Check balance" }).dblclick();
  await said(3);
  await chat.tell("chips");
  await chat.row("Tea or coffee?").getByRole("button", { name: "Tea" }).dblclick();
  await said(5);
  await chat.composer.fill("hello");
  await chat.sendButton.dblclick();
  await said(6);
  await chat.row("These stay usable").getByRole("button", { name: "Say thanks" }).focus();
  for (let times = 0; times < 5; times++) await page.keyboard.down("Enter");
  await page.keyboard.up("Enter");
  await said(7);
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  expect(await saidByVisitor(page)).toHaveLength(7);
});

test("quick replies are walked with the arrows, chosen once, and hand the focus to the composer", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("chips");
  const chips = chat.row("Tea or coffee?").getByRole("button");
  await chips.first().focus();
  await page.keyboard.press("ArrowRight");
  await expect(chips.nth(1)).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(chips.nth(2)).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await expect(chips.nth(1)).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(chat.row("A cup of coffee, coming up.")).toBeVisible();
  await expect(chat.composer).toBeFocused();
  for (const name of ["Tea", "Coffee", "Neither"]) {
    await expect(chat.row("Tea or coffee?").getByRole("button", { name })).toBeDisabled();
  }
  await expect(chips.nth(1)).toContainText("chosen");
  expect(await saidByVisitor(page)).toHaveLength(2);
});

test("a picture has its place before it is there, and leads to itself", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("image");
  const picture = page.getByRole("img", { name: "Hills in the evening" });
  await expect(picture).toBeVisible();
  await expect(picture).toHaveAttribute("width", /\d+/);
  await expect(picture).toHaveAttribute("height", /\d+/);
  // A picture that never comes takes the same place.
  // As it is laid out: a row that is just moving in has a box of fractions.
  const size = () => picture.evaluate(({ offsetWidth, offsetHeight }: HTMLImageElement) => [offsetWidth, offsetHeight]);
  const loaded = await size();
  await picture.evaluate((image: HTMLImageElement) => (image.src = "data:,"));
  await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth)).toBe(0);
  expect(await size()).toEqual(loaded);
});

test("links open elsewhere and give no handle on this page", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("link");
  const links = chat.rows.getByRole("link");
  await expect(links).toHaveCount(2);
  for (const link of await links.all()) {
    await expect(link).toHaveAttribute("href", "https://example.com/");
    await expect(link).toHaveAttribute("target", "_blank");
    await expect(link).toHaveAttribute("rel", "noopener nofollow ugc");
  }
});

test("markup becomes headings, lists, quotations and code", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("markup");
  const answer = chat.row("A heading").last();
  await expect(answer.getByRole("heading", { name: "A heading" })).toBeVisible();
  await expect(answer.locator("ol > li")).toHaveText(["first", "second"]);
  await expect(answer.locator("ul > li")).toHaveText(["a point", "another"]);
  await expect(answer.locator("blockquote")).toHaveText("a quotation");
  await expect(answer.getByText("bold", { exact: true })).toHaveCSS("font-weight", "600");
  await expect(answer.locator("pre")).toContainText("let answer = 42;");
  await expect(answer.getByRole("button", { name: "Copy" })).toBeVisible();
});

test("a template that we do not draw is shown by its text", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("chart");
  await expect(chat.row("Share")).toBeVisible();
  await expect(chat.row("Share")).toContainText("Shown as text: piechart");
  await expect(page.getByText("template_type")).toHaveCount(0);
});

test("a picture inside of text is a link, and nothing visible is not sent", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).hostname));
  await chat.tell("![spy](https://pictures.example/?q=secret)");
  const link = chat.row("I did not understand").getByRole("link", { name: "spy" });
  await expect(link).toHaveAttribute("href", "https://pictures.example/?q=secret");
  await expect(chat.log.locator("img")).toHaveCount(0);
  expect(asked).not.toContain("pictures.example");
  await page.getByLabel("Message", { exact: true }).fill("\u200b");
  await page.keyboard.press("Enter");
  await expect(chat.mine).toHaveCount(1);
  await chat.tell("👩\u200d👧");
  await expect(chat.mine).toHaveCount(2);
});

const HOSTILE = [
  "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>",
  "[press](javascript:document.title='owned') ![x](javascript:1) [data](data:text/html,x)",
  "<a href=\"javascript:document.title='owned'\">press</a> &lt;b&gt;",
];

test("hostile text stays text, of the visitor and of the bot, also in the first HTML", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  const check = async () => {
    for (const [place, text] of HOSTILE.entries()) {
      await expect(chat.mine.locator(".bubble").nth(place)).toHaveText(text);
    }
    await expect(chat.log.locator("img, script, iframe, object, embed")).toHaveCount(0);
    for (const link of await chat.log.locator("a").all()) {
      expect(await link.getAttribute("href")).toMatch(/^(https?:|mailto:|tel:|#)/);
    }
    await expect(page).not.toHaveTitle("owned");
  };
  for (const [place, text] of HOSTILE.entries()) {
    await chat.tell(text);
    await expect(chat.row("I did not understand")).toHaveCount(place + 1);
  }
  await check();
  await page.reload();
  await chat.online();
  await check();
  expect(await saidByVisitor(page)).toEqual(HOSTILE);
});

test("after a reload the transcript is in the first HTML", async ({ page, parlour, browser }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("buttons");
  await expect(chat.row("These stay usable")).toBeVisible();
  const plain = await browser.newContext({ javaScriptEnabled: false });
  await plain.addCookies(await page.context().cookies());
  const still = new Chat(await plain.newPage());
  await (still.window as typeof page).goto(`${parlour.baseURL}/chat/demo`);
  await expect(still.rows).toHaveCount(4);
  await expect(still.mine.locator(".bubble")).toHaveText("buttons");
  await expect(still.row("These stay usable").getByRole("button")).toHaveCount(2);
  await plain.close();
});

test("a new conversation begins from the menu with a new welcome, and only with one", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  const item = page.getByRole("button", { name: "New conversation" });
  const anew = async () => {
    await page.getByRole("button", { name: "More options" }).click();
    await item.click();
    await expect(item).toBeHidden();
    await expect(chat.composer).toBeFocused();
  };
  const greetings = chat.row("Where shall we start?");
  // Nobody has said a word: the welcome stands.
  for (let times = 0; times < 3; times++) await anew();
  await chat.online();
  await chat.tell("hello");
  await expect(chat.row("Nice to meet you")).toHaveCount(1);
  await expect(greetings).toHaveCount(1);
  for (let times = 0; times < 3; times++) await anew();
  await expect(greetings).toHaveCount(2);
  await chat.online();
  await chat.tell("thanks");
  await expect(chat.row("You are welcome!")).toHaveCount(1);
  await expect(greetings).toHaveCount(2);
});

test("of two offers of quick replies only the last can be chosen from", async ({ page, parlour }) => {
  const line = await wire(page);
  const chat = await standalone(page, parlour);
  const offer = (n: number) => ({
    type: "bot_response",
    messageId: `ms-offer-${n}`,
    message: [{ type: "text", component: { type: "template", payload: { type: "template", payload: { template_type: "quick_replies", text: `Offer ${n}`, quick_replies: [{ content_type: "text", title: "Take it", payload: "joke" }] } } } }],
  });
  for (const n of [1, 2]) {
    line.bring(offer(n));
    await expect(chat.row(`Offer ${n}`)).toBeVisible();
  }
  await expect(chat.row("Where shall we start?").getByRole("button").first()).toBeDisabled();
  await expect(chat.row("Offer 1").getByRole("button")).toBeDisabled();
  await chat.row("Offer 2").getByRole("button").click();
  await expect(chat.row("Oct 31")).toBeVisible();
  expect(await saidByVisitor(page)).toEqual(["joke"]);
});

test("days are separated and named, and ages grow old by the visitor's clock", async ({ page, parlour }) => {
  const chat = await standalone(page, parlour);
  await chat.tell("hello");
  await expect(page.locator("article .day")).toHaveText("Today");
  await expect(chat.mine.last()).toContainText("Just now");
  await page.clock.setFixedTime(Date.now() + 24 * 3600 * 1000);
  await page.reload();
  await chat.online();
  await expect(page.locator("article .day")).toHaveText("Yesterday");
  await expect(chat.mine.last().locator("time")).toHaveText(/^\d\d:\d\d$/);
  await page.clock.setFixedTime(Date.now() + 3 * 24 * 3600 * 1000);
  await page.reload();
  await chat.online();
  const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "long", timeZone: "UTC" }).format(Date.now());
  await expect(page.locator("article .day")).toHaveText(weekday);
});

test.describe("in another time zone", () => {
  test.use({ timezoneId: "Asia/Tokyo" });

  test("times are the visitor's own once the page is alive, without a warning", async ({ page, parlour }) => {
    const lines = consoleLines(page);
    const chat = await standalone(page, parlour);
    await chat.tell("hello");
    const later = Date.now() + 2 * 3600 * 1000;
    const tokyo = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Tokyo" });
    const at = Date.parse((await chat.mine.last().locator("time").getAttribute("datetime"))!);
    await page.clock.setFixedTime(later);
    await page.reload();
    await chat.online();
    await expect(chat.mine.last().locator("time")).toHaveText(tokyo.format(at));
    expect(lines).toEqual([]);
  });
});
