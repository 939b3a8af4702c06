import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { browser, settled, type Browser } from "../test/browser";
import { started, type Glue } from "./waking";

const glue = (fails = false) => ({ default: async () => { if (fails) throw new Error("half a file"); }, hydrate() {} }) as unknown as Glue;
const page = (before = ""): Browser => {
  const page = browser({ html: `<leptos-island data-component="Widget_1"></leptos-island>` });
  page.window.requestIdleCallback = (fn: () => void) => fn();
  // Here the glue cannot be imported: what is tried again stays untried.
  page.window.setTimeout = () => {};
  page.page(before || "0");
  page.run("inline/wake", { "data-pkg": "/base/pkg/0123/frontend" });
  return page;
};
const urls = ({ asked }: Browser): string[] => asked.map(({ url }) => url);

test("glue and wasm are fetched at once, from where the page says", () => {
  assert.deepEqual(urls(page()), ["/base/pkg/0123/frontend_bg.wasm"]);
});

test("what can be asked for ahead is asked for when the screen stands", () => {
  assert.equal(page("var gone = 0; var parlourAhead = { go() { gone++ } }").window.gone, 1);
});

test("in a frame that is only warm nothing is fetched before the window is opened", async () => {
  const warm = page("var open, gone = 0, parlourHold = new Promise((resolve) => (open = resolve)), parlourAhead = { go() { gone++ } }");
  await settled();
  assert.deepEqual([urls(warm), warm.window.gone], [[], 0]);
  warm.window.open();
  await settled();
  assert.deepEqual([urls(warm).length, warm.window.gone], [1, 1]);
});

test("a load that fails is tried again, later each time and under another address", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.addEventListener ??= () => {};
  const tries: string[] = [];
  const good = glue();
  const load = async (again: string): Promise<[Glue, Response]> => {
    tries.push(again);
    if (tries.length < 2) throw new Error("no network");
    return [tries.length < 3 ? glue(true) : good, new Response()];
  };
  const first = Promise.reject(new Error("no network"));
  const done = started(first, load);
  for (const ms of [2_000, 4_000, 6_000]) {
    await settled();
    mock.timers.tick(ms - 1);
    await settled();
    const before = tries.length;
    mock.timers.tick(1);
    await settled();
    assert.equal(tries.length, before + 1);
  }
  assert.equal(await done, good);
  assert.deepEqual(tries, ["?1", "?2", "?3"]);
  mock.timers.reset();
});

test("a network that is back is not waited for any longer", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let online = (): void => {};
  Object.assign(globalThis, { addEventListener: (_: string, fn: () => void) => (online = fn) });
  const good = glue();
  const done = started(Promise.reject(new Error("no network")), async () => [good, new Response()]);
  await settled();
  online();
  assert.equal(await done, good);
  mock.timers.reset();
});
