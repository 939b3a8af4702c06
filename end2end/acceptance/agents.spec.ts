// A person takes over from the bot and gives the conversation back: what visitors see, hear and read again, here and in the official client.
import type { Page } from "@playwright/test";
import { announced, calm, Chat, standalone } from "../fixtures/chat";
import { Desk, deskApp } from "../fixtures/desk";
import { Official } from "../fixtures/official";
import { APP, SECRET } from "../fixtures/platform";
import { expect, test } from "../fixtures/test";

const ANN = { name: "Ann Lee" };
const takes = { handover: { to: "agent", name: ANN.name }, agent: ANN };

const status = (page: Page) => page.locator("header .status");

// The text of each row without its time, which grows old.
const lines = (chat: Chat) =>
  chat.rows.evaluateAll((rows) =>
    rows.map((row) => {
      const copy = row.cloneNode(true) as Element;
      for (const time of copy.querySelectorAll("time")) time.remove();
      return copy.textContent;
    }),
  );

for (const { colorScheme, lang, words } of [
  {
    colorScheme: "light",
    lang: "en",
    words: { typing: "Ann Lee is typing", said: "Ann Lee said:", here: "You are connected with Ann Lee", left: "Ann Lee has left. Demo bot answers again." },
  },
  {
    colorScheme: "dark",
    lang: "de",
    words: { typing: "Ann Lee schreibt gerade", said: "Ann Lee schreibt:", here: "Sie sind mit Ann Lee verbunden", left: "Ann Lee ist gegangen. Demo bot antwortet wieder." },
  },
  {
    colorScheme: "dark",
    lang: "ar",
    words: { typing: "Ann Lee يكتب الآن", said: "قال Ann Lee:", here: "أنت على اتصال مع Ann Lee", left: "غادر Ann Lee المحادثة. Demo bot يجيب من جديد." },
  },
] as const) {
  test.describe(`${lang}, ${colorScheme}`, () => {
    test.use({ colorScheme });

    test("a person comes, types, speaks and goes, and all of it is seen, heard and found again", async ({ page, startParlour, expectAccessible }) => {
      const parlour = await startParlour({ config: deskApp() });
      const chat = await standalone(page, parlour, `/chat/demo?lang=${lang}`);
      const told = await announced(page);
      const desk = await Desk.beside(parlour, page);
      const composer = page.locator("#message");
      const say = async (text: string) => {
        await composer.fill(text);
        await composer.press("Enter");
        await chat.settled();
      };

      // Ann takes the conversation: the header and a notice say so.
      await desk.say(takes);
      await expect(status(page)).toHaveText(words.here);
      await expect(chat.notice).toContainText(words.here);
      // She types; who does not see the dots hears it.
      await desk.say({ typing: true, agent: ANN });
      await expect(page.locator(".typing .dots")).toHaveAttribute("aria-label", words.typing);
      await expect.poll(() => told.join("\n")).toContain(words.typing);
      await calm(page);
      await expectAccessible(page);
      await desk.say({ text: "Hello, this is **Ann**.", agent: ANN });
      await desk.say({ text: "How can I help?", agent: ANN });
      const first = chat.row("Hello, this is Ann.");
      await expect(page.locator(".typing")).toHaveCount(0);
      await expect(first.locator(".turn")).toHaveText(words.here);
      await expect(first.locator(".by")).toHaveText("Ann Lee");
      // The second joins the first: one name for both, but each says who speaks.
      await expect(chat.row("How can I help?").locator(".by")).toHaveCount(0);
      await expect(chat.row("How can I help?").locator(".who")).toHaveText(words.said);
      await expect.poll(() => told.join("\n")).toContain(`${words.said} Hello, this is Ann.`);

      // What the visitor says is answered by her.
      await say("My parcel is late");
      await desk.say({ text: "I look it up", agent: ANN });
      await expect(chat.row("I look it up")).toBeVisible();
      await calm(page);
      await expectAccessible(page);

      // The same after a reload: her words from the history, that she is there from the socket.
      const before = await lines(chat);
      await page.reload();
      await chat.online();
      await expect(status(page)).toHaveText(words.here);
      expect(await lines(chat)).toEqual(before);

      // She goes with her last word, and the bot answers again.
      await desk.say({ text: "Goodbye", agent: ANN, handover: { to: "bot" } });
      await expect(chat.notice).toContainText(words.left);
      await expect(status(page)).not.toContainText("Ann");
      await say("thanks");
      const again = chat.row("You are welcome!");
      await expect(again.locator(".turn")).toHaveText(words.left);
      await expect(again.locator(".by")).toHaveCount(0);
      await calm(page);
      await expectAccessible(page);
      await page.reload();
      await expect(chat.row("You are welcome!").locator(".turn")).toHaveText(words.left);
    });
  });
}

test("what a bot says late comes once, also to a second tab and after the server was killed in between", async ({ context, page, startParlour }) => {
  const parlour = await startParlour({ config: deskApp() });
  const chat = await standalone(page, parlour);
  const second = await context.newPage();
  const other = await standalone(second, parlour);
  const desk = await Desk.beside(parlour, page);
  await desk.say({ text: "Your parcel is here." }, "parcel-1");
  await parlour.restart("kill");
  await desk.say({ text: "Your parcel is here." }, "parcel-1");
  await desk.say({ typing: true });
  for (const it of [chat, other]) {
    await it.online();
    await expect(it.row("Your parcel is here.")).toHaveCount(1);
  }
  // A person who is there is known to a tab that opens later, without a socket of its own.
  await desk.say(takes);
  const third = await context.newPage();
  await third.goto(`${parlour.baseURL}/chat/demo`);
  for (const it of [page, second, third]) {
    await expect(status(it)).toHaveText("You are connected with Ann Lee");
  }
  await desk.say({ close: true, agent: ANN });
  for (const it of [page, second]) {
    await expect(new Chat(it).notice).toContainText("This conversation was ended");
    await expect(status(it)).toHaveText("Replies right away");
  }
});

test.describe("the official client", () => {
  // It writes about resources that there are not.
  test("shows who speaks as its platform does", async ({ page, startParlour, hostSite }) => {
    const parlour = await startParlour({ config: deskApp() });
    const client = await Official.open(page, hostSite, {
      api: `${parlour.baseURL}/api/`,
      identity: `
        options.JWTUrl = "${parlour.baseURL}/api/users/sts";
        options.userIdentity = "ann@example.test";
        options.clientId = "${APP}";
        options.clientSecret = "${SECRET}";`,
    });
    await expect(client.rows).toHaveCount(2);
    const desk = Desk.of(parlour, "ann@example.test");
    await desk.say({ ...takes, text: "Hello, this is Ann." });
    await desk.say({ typing: true, agent: ANN });
    await expect(client.rows.nth(2)).toContainText("Hello, this is Ann.");
    await expect(client.rows.nth(2)).toHaveClass(/from-agent/);
    await client.say("hi");
    await expect(client.rows.nth(3)).toContainText("hi");
    await desk.say({ text: "Goodbye", agent: ANN, handover: { to: "bot" } });
    await expect(client.rows.nth(4)).toContainText("Goodbye");
    const events = () => client.frames.filter(({ by, data }) => by === "server" && data.type === "events").map(({ data }) => data.message.type);
    await expect.poll(events).toEqual(["agent_connected", "typing", "agent_disconnected"]);
  });
});
