// Three nodes that are one Parlour: whichever answers, and whichever dies.
import type { Browser, Page } from "@playwright/test";
import { Chat, history, standalone } from "../fixtures/chat";
import { Cluster, nodesOf } from "../fixtures/cluster";
import { expect, test as base } from "../fixtures/test";

const test = base.extend<{ startCluster: (...more: string[]) => Promise<Cluster> }>({
  startCluster: async ({}, use) => {
    let cluster: Cluster | undefined;
    await use(async (...more) => (cluster = await Cluster.start(...more)));
    await cluster?.remove();
  },
});
// A dead node's turn is another's after its lease, and begins again.
const WHOLE = { timeout: 150_000 };
const LAST = /That is all there is to say/;

// A second browser of the same visitor, whose socket is on another node.
async function elsewhere(browser: Browser, page: Page, node: string): Promise<[Chat, Map<string, string>]> {
  const context = await browser.newContext();
  await context.addCookies(await page.context().cookies());
  const other = await context.newPage();
  const nodes = await nodesOf(other);
  await other.goto(page.url());
  await expect(async () => {
    if (nodes.get("socket") === node) await other.reload();
    await new Chat(other).online();
    expect(nodes.get("socket")).toMatch(/^node/);
    expect(nodes.get("socket")).not.toBe(node);
  }).toPass();
  return [new Chat(other), nodes];
}

const rows = (chat: Chat) => chat.bubbles.allInnerTexts();

test("grant, start and socket are answered by three different nodes", async ({ page, startCluster }) => {
  const cluster = await startCluster("--apart");
  const nodes = await nodesOf(page);
  const chat = await standalone(page, cluster);
  await expect.poll(() => ["jwtgrant", "start", "socket"].map((step) => nodes.get(step))).toEqual(["node1", "node2", "node3"]);
  await chat.tell("hello");
  await expect(chat.row("Nice to meet you")).toHaveCount(1);
  const before = await rows(chat);
  await page.reload();
  await chat.online();
  expect(await rows(chat)).toEqual(before);
});

test("the node of the socket is killed while an answer streams, and both browsers of the visitor get all of it once", async ({ page, browser, startCluster }) => {
  const cluster = await startCluster();
  const nodes = await nodesOf(page);
  const chat = await standalone(page, cluster);
  const [other, others] = await elsewhere(browser, page, nodes.get("socket")!);
  for (const body of ["one", "two", "three"]) {
    await chat.tell(body);
    await expect(other.mine.filter({ hasText: body })).toHaveCount(1);
  }
  const died = nodes.get("socket")!;
  const survived = others.get("socket");
  // Half a minute: no machine is so busy that it misses the middle of it.
  await chat.say("stream slowly");
  for (const window of [chat, other]) {
    await expect(window.window.locator("article.growing")).toHaveCount(1);
  }
  await cluster.order(`kill ${died.replace("node", "")}`);
  for (const window of [chat, other]) {
    await expect(window.row(LAST)).toHaveCount(1, WHOLE);
    await expect(window.window.locator("article.growing")).toHaveCount(0, WHOLE);
    await window.online();
  }
  await expect.poll(() => nodes.get("socket")).not.toBe(died);
  expect(others.get("socket")).toBe(survived);
  expect(await rows(other)).toEqual(await rows(chat));
  const stored = await history(page);
  expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, at) => at + 1));
  expect(stored.filter(({ text }) => LAST.test(text))).toHaveLength(1);
  expect(await cluster.order("sql select count(*) from jobs")).toBe("0");
  // The dead one comes back and takes part.
  await cluster.order(`start ${died.replace("node", "")}`);
  await other.tell("and again");
  await expect(chat.row("and again").first()).toBeVisible();
});
