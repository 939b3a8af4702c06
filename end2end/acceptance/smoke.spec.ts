// The whole path once: the built server answers, the page stands, and the browser accepts everything it loads.
import { expect, test } from "../fixtures/test";

test("the demo bot's page opens with a place to write", async ({ page, parlour }) => {
  const answer = await page.goto(`${parlour.baseURL}/chat/demo`);
  expect(answer?.status()).toBe(200);
  await expect(page.getByRole("textbox")).toBeVisible();
});

test("a page of another site may be opened beside it", async ({ page, hostSite, parlour }) => {
  const url = hostSite.serve("/", "<!doctype html><title>Shop</title><h1>Shop</h1>");
  await page.goto(url);
  expect(new URL(url).host).not.toBe(new URL(parlour.baseURL).host);
  await expect(page.getByRole("heading", { name: "Shop" })).toBeVisible();
});
