// What is typed before the wasm is there: shown at once, kept, handed over once.
import { expect, test } from "../fixtures/test";
import { stage } from "../fixtures/stage";

declare const parlourEarly: { sent: { id: number; text: string }[]; take(): { id: number; text: string }[] };

const open = async (page: any, hostSite: any) => {
  const { chat } = await stage(page, hostSite);
  await page.goto(`${chat}/embed/demo`);
};
const texts = (page: any): Promise<string[]> => page.evaluate(() => parlourEarly.sent.map(({ text }) => text));

test("Enter and the button show a bubble at once and empty the composer", async ({ page, hostSite }) => {
  await open(page, hostSite);
  const field = page.getByRole("textbox");
  await field.focus();
  await page.keyboard.type("one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("two");
  await page.keyboard.press("Enter");
  await field.fill("three");
  await page.getByRole("button", { name: "Send" }).click();
  await page.keyboard.press("Enter");
  await expect(page.locator("#early .bubble")).toHaveText(["one two", "three"]);
  await expect(field).toHaveValue("");
  expect(await texts(page)).toEqual(["one\ntwo", "three"]);
  const ids = await page.evaluate(() => parlourEarly.sent.map(({ id }) => id));
  expect(new Set(ids).size).toBe(2);
});

test("nothing is sent while a word is composed", async ({ page, hostSite }) => {
  await open(page, hostSite);
  await page.getByRole("textbox").fill("か");
  await page.getByRole("textbox").dispatchEvent("keydown", { key: "Enter", isComposing: true });
  expect(await texts(page)).toEqual([]);
});

test("what was said survives a reload and is handed over once", async ({ page, hostSite }) => {
  await open(page, hostSite);
  await page.getByRole("textbox").fill("first");
  await page.getByRole("textbox").press("Enter");
  await page.reload();
  await expect(page.locator("#early .bubble")).toHaveText(["first"]);
  const taken = await page.evaluate(() => parlourEarly.take().map(({ text }) => text));
  expect(taken).toEqual(["first"]);
  await expect(page.locator("#early .bubble")).toHaveCount(0);
  await page.getByRole("textbox").fill("later");
  await page.getByRole("textbox").press("Enter");
  await expect(page.getByRole("textbox")).toHaveValue("later\n");
});

test.describe("on a touch screen", () => {
  test.use({ viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true });

  test("Enter makes a new line and the button sends", async ({ page, hostSite }) => {
    await open(page, hostSite);
    await page.getByRole("textbox").tap();
    await expect(page.getByRole("textbox")).toBeFocused();
    await page.keyboard.type("a");
    await page.keyboard.press("Enter");
    await page.keyboard.type("b");
    expect(await texts(page)).toEqual([]);
    await page.getByRole("button", { name: "Send" }).tap();
    await expect.poll(() => texts(page)).toEqual(["a\nb"]);
  });
});
